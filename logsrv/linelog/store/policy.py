"""The options of a store that an operator may set."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import attrs

from logsrv.cores import cores
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DAYS, DURATION, FLAG, SIZE, choice, integer

MiB = 1024 * 1024
DAY = 86400.0


class Sync(enum.Enum):
    """The moments at which written lines are forced to the medium."""

    NEVER = "never"
    INTERVAL = "interval"
    ALWAYS = "always"


class Indexing(enum.Enum):
    """The indexes that are made for the text of sealed segments."""

    WORDS = "words"
    NONE = "none"


class Hold(NamedTuple):
    """A request of a reader that ships lines: retention keeps segments that it has not sent, up to a limit.

    name: the name of the reader. segment: the number of the first segment that it has not sent completely.
    most: the bytes that are kept for it beyond `keep_bytes`.

    looks: called in the reactor's thread with a segment number, before segments are removed; it makes the
    archive check whether it still has all segments up to that number. None for a reader that is no archive.
    released: the number of the first segment that the archive has not confirmed.
    """

    name: str
    segment: int
    most: int
    looks: Callable[[int], object] | None = None
    released: int = 0

    @property
    def first_kept(self) -> int:
        """The number of the first segment that retention keeps for this reader."""
        return self.segment if self.looks is None else min(self.segment, self.released)


@attrs.frozen(kw_only=True, slots=False)
class StorePolicy:
    """The options of a store; only a program can set `high_water` and `low_water`.

    None means no limit for `keep_bytes` and `keep_days`. Without `keep_indexes` an index is removed with
    its text; without `sealers` there is one for each four cores. Sizes are in bytes, times in seconds,
    `keep_days` and `keep_indexes` in days.

    rotate_size, rotate_every: the active segment is sealed at this size, or this long after its first line
        if it has LEAST_BY_AGE, else after a day; one with LEAST_SOON after SOON seconds (`active.py`).
    high_water, low_water: senders are paused when more bytes than `high_water` wait to be written, and
        resumed when fewer than `low_water` do.

    Raises ValueError for an invalid value.
    """

    help_group: ClassVar[str] = "The store"

    sync: Sync = option(
        "interval", choice(Sync), "when to force lines to the disk; interval: once a second"
    )
    rotate_size: int = option("256MiB", SIZE, "seal the active segment at this size")
    rotate_every: float = option(
        "1d",
        DURATION,
        "seal the active segment at this age; below 16 MiB, at a day; from 64 MiB on, at ten minutes",
    )
    keep_bytes: int | None = option(None, SIZE, "remove the oldest segments beyond this size")
    keep_days: float | None = option(None, DAYS, "remove segments older than this")
    keep_indexes: float | None = option(
        None,
        DAYS,
        "if the text of an archived segment is removed, keep its index for this long",
    )
    index: Indexing = option(
        "words", choice(Indexing), "index the words of sealed segments, for fast searches"
    )
    columns: bool = option(True, FLAG, "make columns of sealed segments, for fast figures")
    sealers: int | None = option(
        None,
        integer(1, 64),
        "processes that compress segments; by default one for each four cores",
    )
    high_water: int = 8 * MiB
    low_water: int = 2 * MiB

    @property
    def most_sealed_at_once(self) -> int:
        """The number of segments that may be compressed at the same time."""
        return self.sealers or max(1, cores() // 4)

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(StorePolicy):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value is not False and not value > 0:
                raise ValueError(f"{field.name} is {value}; it has to be more than 0")
        if self.low_water > self.high_water:
            raise ValueError(
                f"low_water ({self.low_water}) is more than high_water ({self.high_water})"
            )
