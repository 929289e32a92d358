"""A service's options with something of everything in them, for the tests of the options."""

from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import attrs

from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import (
    DAYS,
    DURATION,
    FLAG,
    NETWORK,
    NEW_DIRECTORY,
    SIZE,
    TEXT,
    Network,
    choice,
    endpoint_kind,
    integer,
)


class Sync(Enum):
    NEVER = "never"
    INTERVAL = "interval"
    ALWAYS = "always"


def parse_place(text: str) -> tuple[str, str]:
    """A stand-in for endpoints: `tcp:1234` as a pair."""
    scheme, colon, rest = text.partition(":")
    if not colon or not rest:
        raise ValueError("not TYPE:ARGUMENTS")
    return scheme, rest


PLACE = attrs.evolve(
    endpoint_kind(parse_place, locate=lambda value, directory: value), show=":".join
)


@attrs.frozen(kw_only=True, slots=False)
class GuardOptions:
    help_group: ClassVar[str] = "Who may come"

    allow: tuple[Network, ...] = option((), NETWORK, "who may connect", repeatable=True)
    max_connections: int | None = option(None, integer(1), "connections at a time")


@attrs.frozen(kw_only=True, slots=False)
class FramingOptions:
    max_line: int = option("64KiB", SIZE, "longer lines are oversize")
    raw: bool = option(False, FLAG, "store bytes as they came")


@attrs.frozen(kw_only=True)
class ListenerOptions(GuardOptions, FramingOptions):
    listen: tuple[str, str] = option(REQUIRED, PLACE, "where to listen")
    name: str | None = option(None, TEXT, "stands before the source")


@attrs.frozen(kw_only=True, slots=False)
class StoreOptions:
    directory: Path = option("logs", NEW_DIRECTORY, "where the lines are kept")
    rotate_size: int = option("256MiB", SIZE, "seal the active segment at this size")
    rotate_every: float | None = option("1d", DURATION, "seal it after this time", off=True)
    sync: Sync = option("interval", choice(Sync), "when to sync to disk")
    keep_days: float | None = option(None, DAYS, "remove what is older")

    def __attrs_post_init__(self) -> None:
        if self.keep_days is not None and self.sync is Sync.NEVER:
            raise ValueError("--keep-days goes with --sync interval or always")


@attrs.frozen(kw_only=True)
class LoggerOptions(StoreOptions, GuardOptions, FramingOptions):
    listen: tuple[Any, ...] = option("tcp:1234", PLACE, "where to listen", repeatable=True)
    listener: tuple[ListenerOptions, ...] = tables(
        ListenerOptions, "a place to listen at, with its own settings", shorthand="listen"
    )
