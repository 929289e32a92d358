"""The options of shippers: which lines they send, to which target, and from which position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.connections.guard import KEEPALIVE_TIME
from logsrv.kit.connections.keepalive import KEEPALIVE
from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.files import SECRET_FILE
from logsrv.kit.options.kinds import FILE, SIZE, Kind
from logsrv.kit.text.words import shown
from logsrv.linelog.query.option_kinds import QUERY
from logsrv.linelog.ship.address import BEGINNING, END, MISSING, NAME, parse_ship_url
from logsrv.linelog.ship.targets.target_plugin import ShipURL
from logsrv.linelog.store.segment import parse_position

URL: Kind[ShipURL] = Kind(
    parse_ship_url,
    "a URL, such as https://centre.example.org/blocks or relp+tls://logs.example.org:2514",
    "URL",
)


def _parse_ship_from(text: str) -> str:
    if text not in (BEGINNING, END):
        parse_position(text)
    return text


FROM: Kind[str] = Kind(_parse_ship_from, "beginning, end, or a position, such as 17:52311", "PLACE")


def _parse_target_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("not a name")
    return text


TARGET_NAME: Kind[str] = Kind(
    _parse_target_name, "1 to 64 letters, digits, dashes and underscores, such as centre-2", "NAME"
)


@attrs.frozen(kw_only=True, slots=False)
class SharedShipOptions:
    """The options that all targets share; a target may have its own values."""

    help_group: ClassVar[str] = "Sending lines on"
    goes_with: ClassVar[str] = "ship"

    ship_from: str = option(BEGINNING, FROM, "send a new target the lines from here on")
    ship_at_most: int = option("10GiB", SIZE, "keep this much unsent text beyond --keep-bytes")
    ship_ca: Path | None = option(None, FILE, "authorities of the target's certificate (PEM)")
    ship_cert: Path | None = option(
        None, FILE, "our certificate for the target (PEM); the file may also have its key"
    )
    ship_key: Path | None = option(None, SECRET_FILE, "the key of that certificate (PEM)")
    ship_token_file: Path | None = option(None, SECRET_FILE, "a file with the target's token")


@attrs.frozen(kw_only=True, slots=False)
class ShipSettings(SharedShipOptions):
    """A target with its own settings. Raises ValueError for settings that contradict each other."""

    ship: ShipURL = option(REQUIRED, URL, "send lines to this target")
    name: str | None = option(
        None,
        TARGET_NAME,
        "its name in the log, counters and DIR/ship; by default made of the URL",
    )
    keepalive: float | None = option(
        KEEPALIVE,
        KEEPALIVE_TIME,
        "after this much silence, check by TCP that the target still exists; if not, close",
        off=True,
    )
    query: str | None = option(
        None, QUERY, "send only lines that match; not for blocks and archives"
    )

    def __attrs_post_init__(self) -> None:
        if self.query is not None and self.ship.takes != "lines":
            raise ValueError(
                f"{shown(str(self.ship))} takes whole {self.ship.takes}, and a query sends single lines:"
                " leave the query out, or send lines, as by ndjson+https://"
            )
        if self.ship_key is not None and self.ship_cert is None:
            raise ValueError("--ship-key is the key of a --ship-cert, which is missing")

    @property
    def label(self) -> str:
        """The name of the target, and of the file with its place."""
        return self.name or self.ship.default_name

    @property
    def is_left_out(self) -> bool:
        """True if nothing is sent, because the plugin of the URL cannot be loaded."""
        return self.ship.plugin is MISSING

    @property
    def subject(self) -> str:
        """The target as the subject of a finding."""
        return f"target {self.label}"

    @property
    def tls(self) -> TLSOptions:
        """The files for connections with TLS."""
        return TLSOptions(cafile=self.ship_ca, certificate=self.ship_cert, key=self.ship_key)


@attrs.frozen(kw_only=True, slots=False)
class ShipOptions(SharedShipOptions):
    """All options for shipping."""

    help_group: ClassVar[str] = "Sending lines on"

    ship: tuple[ShipURL, ...] = option((), URL, "send all lines to this target", repeatable=True)
    targets: tuple[ShipSettings, ...] = tables(
        ShipSettings, "targets with settings of their own", shorthand="ship", key="ship"
    )

    def __attrs_post_init__(self) -> None:
        require_different_targets(self.targets)


def require_different_targets(targets: Sequence[ShipSettings]) -> None:
    """Raise ValueError if two targets have the same name, or the same URL for blocks or segments."""
    labels = [target.label for target in targets]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(
                f"two targets are called {label}; give one of them another name, in a table [[ship]]"
            )
    centres = [target.ship.text for target in targets if target.ship.takes != "lines"]
    for centre in centres:
        if centres.count(centre) > 1:
            raise ValueError(
                f"{shown(centre)} is given twice; only one shipper may send a store to it"
            )
