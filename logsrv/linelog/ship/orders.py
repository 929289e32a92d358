"""The orders of the daemon to the process of a target: one JSON object.

The daemon sends the orders once: which lines to ship, and to which target. A target with changed settings
gets another process. When retention waits for an answer of an archive, the daemon sends the orders again
with another `due`. The process answers with reports (`reports.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions, tls_connection_creator
from logsrv.kit.connections.keepalive import KEEPALIVE
from logsrv.kit.options.files import FileFingerprint, file_fingerprint
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.targets.target_plugin import (
    TargetSettings,
    check_encrypted,
    check_package_installed,
)


@attrs.frozen(kw_only=True)
class ShipOrders:
    """The orders for the process of a target.

    tls_files: the paths of the authorities to trust, of our certificate and of its key. files: the marks
    (time, size, inode) of these files: a changed file changes the orders. directory, store: the directory
    and the identity of the store. rule: the name of the [[retention]] rule whose store it is; "" for the
    main store. main: the identity of the main store. due: the number of the last segment that retention
    would remove. begin: the number of the store's first segment when the target was added.
    """

    name: str
    url: str
    query: str | None
    ship_from: str
    tls_files: tuple[str | None, ...]
    token: str | None = attrs.field(repr=False)
    keepalive: float | None = KEEPALIVE
    files: tuple[FileFingerprint | None, ...] = ()
    directory: str = ""
    store: str = ""
    due: int = 0
    begin: int = 0
    rule: str = ""
    main: str = ""

    @property
    def target(self) -> TargetSettings:
        """The settings of the target."""
        cafile, certificate, key = (None if path is None else Path(path) for path in self.tls_files)
        return TargetSettings(
            name=self.name,
            url=parse_ship_url(self.url),
            store=self.store,
            tls=TLSOptions(cafile=cafile, certificate=certificate, key=key),
            token=self.token,
            keepalive=self.keepalive,
            rule=self.rule,
            main=self.main,
        )


def make_orders(target: ShipSettings) -> ShipOrders:
    """Return the orders for a target, with its secrets.

    Raises ConfigurationError if a file cannot be read or has wrong content, if a package is missing, or if
    a secret would leave this machine unencrypted.
    """
    files = (target.ship_ca, target.ship_cert, target.ship_key)
    token = target.ship.plugin.read_token(target.ship_token_file)
    orders = ShipOrders(
        name=target.label,
        url=str(target.ship),
        query=target.query,
        ship_from=target.ship_from,
        tls_files=tuple(None if path is None else str(path) for path in files),
        token=token,
        keepalive=target.keepalive,
        files=tuple(None if path is None else file_fingerprint(path) for path in files),
    )
    try:
        check_package_installed(target.ship)
        check_encrypted(orders.target)
        target.ship.plugin.check_settings(orders.target)
        if target.ship.tls:
            tls_connection_creator(orders.target.tls, target.ship.host)
    except ConfigurationError as error:
        raise ConfigurationError(f"target {target.label}: {error}") from None
    return orders


def encode_orders(orders: ShipOrders) -> bytes:
    """Return orders as a line of JSON, without its LF."""
    return json.dumps(attrs.asdict(orders)).encode()


def decode_orders(line: bytes) -> ShipOrders:
    return ShipOrders(**json.loads(line))
