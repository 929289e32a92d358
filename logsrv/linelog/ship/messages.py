"""The messages between the daemon and the process of a target: JSON objects.

The daemon sends the orders once: which lines to ship, and to which target. A target with changed settings
gets another process. When retention waits for an answer of an archive, the daemon sends the orders again
with another `due`. The process sends reports about its progress and its faults.
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
from logsrv.linelog.store.segment import Position


@attrs.frozen
class ShipReport:
    """A report of a shipper. kind: one of these words; the other fields depend on it.

    acknowledged: the target has everything up to `position`. This answer was for `bytes` and `lines`, and
        took `seconds`.
    passed: the segment before `position` has ended, and the target has all of it.
    retry: an attempt failed; the next one is in `seconds`. reason: a word for counters. why: a sentence.
    refused: the target will never take some `lines` with `bytes` bytes; they are kept in NAME.refused.
    gap: `bytes` in `lines` were removed from the store before they were sent. bytes: None if unknown.
    gone: the total of `bytes` and `lines` that were removed before they were sent. missed: the
        lines gone where the target needs the next: 0 if their number is unknown, None if there are none.
    kept: `position` is on the medium.
    resent: the target has lost `bytes` that it had acknowledged; they are sent again. bytes: None if
        unknown.
    lost: the target has lost text that the store does not have any more either. why: a sentence.
    lacking: readers of the target have passed over lines of this store. why: from which position to which;
        "" if they lack none any more.
    released: the target was found to have everything before `position`; retention may remove that.
    forgot: the target has nothing of this store any more; sending goes on at `position`.
    up: the target takes lines. why: its promise. down: it does not take lines any more.
    stopped: the shipper has ended by itself. why: a sentence that says what to do.
    trouble: a sentence for the operator; the shipper goes on.
    """

    kind: str
    why: str = ""
    reason: str = ""
    position: Position | None = None
    bytes: int | None = 0
    lines: int = 0
    seconds: float = 0.0
    missed: int | None = None


@attrs.frozen(kw_only=True)
class ShipOrders:
    """The orders for the process of a target.

    tls_files: the paths of the authorities to trust, of our certificate and of its key. files: the marks
    (time, size, inode) of these files: a changed file changes the orders. directory, store: the directory
    and the identity of the store. due: the number of the last segment that retention would remove. begin:
    the number of the store's first segment when the target was added.
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


def encode_message(message: ShipOrders | ShipReport) -> bytes:
    """Return orders or a report as a line of JSON, without its LF."""
    return json.dumps(attrs.asdict(message)).encode()


def decode_orders(line: bytes) -> ShipOrders:
    return ShipOrders(**json.loads(line))


def decode_report(line: bytes) -> ShipReport:
    found = json.loads(line)
    if found["position"] is not None:
        found["position"] = Position(*found["position"])
    return ShipReport(**found)
