"""A target: the far side of a shipper, as the shipper sees it, and the ways in which it may say no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred

from logsrv.errors import LogsrvError
from logsrv.linelog.ship.encode.block import PackedBlock
from logsrv.linelog.store.archive.manifest import Manifest
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Position, Segment


class Unavailable(LogsrvError):
    """The target does not take anything now; what was sent may or may not be there.

    after: seconds until the next try; None for the shipper's own pauses. settled: the reason is nothing
    that goes away by itself (401, a certificate): it is tried each minute, and said. hung_up: it was there,
    and ended the connection on which the lines were; taken: so many of the first it had acknowledged.
    """

    def __init__(
        self,
        why: str,
        *,
        after: float | None = None,
        settled: bool = False,
        hung_up: bool = False,
        taken: int = 0,
    ) -> None:
        super().__init__(why)
        self.after = after
        self.settled = settled
        self.hung_up = hung_up
        self.taken = taken


class TooMuchAtOnce(LogsrvError):
    """The target takes this in smaller pieces only; nothing of it was taken."""


class RefusedForGood(LogsrvError):
    """The target will never take this; nothing of it was taken (400, 422)."""


class PartlyRefused(RefusedForGood):
    """The target has all lines but `number`, which it will never take.

    which: their numbers in what was sent, from 0, in order; empty if it does not say which they are, or if
    they are so many that they are only counted.
    """

    def __init__(self, why: str, number: int, which: Sequence[int] = ()) -> None:
        super().__init__(why)
        self.number = number
        self.which = which


class Misplaced(LogsrvError):
    """The target is at another place than the block says; `place` is where."""

    def __init__(self, place: Position | None) -> None:
        super().__init__(f"the target is at {place}")
        self.place = place


class LastBlock(NamedTuple):
    """The place up to which a target has everything, and what it knows of the block that ended there.

    start, crc: of that block; None if it does not say.
    """

    position: Position
    start: Position | None = None
    crc: int | None = None


class SentLines(NamedTuple):
    """Whole stored lines, without their LFs, and the place behind the last of them."""

    lines: Sequence[bytes]
    end: Position


class BlockTarget(Protocol):
    """A far side that takes blocks and says itself where it is: exactly once.

    promise: a sentence for the log that says what is promised, such as "exactly once". largest: bytes of a
    packed block that it takes. window: blocks that may be under way to it at once. lets_go: as of the last
    answer it has let go of old blocks, by limits of its own: to have nothing of a store then is no loss.
    """

    promise: str
    largest: int
    lets_go: bool
    window: int

    def last(self) -> Deferred[LastBlock | None]:
        """Ask where it is; None: it has nothing of this store. Fails with Unavailable."""

    def send(self, block: PackedBlock) -> Deferred[None]:
        """Send a block; fires when the far side has it for good.

        Fails with Unavailable, TooMuchAtOnce or Misplaced. Behind one that it does not take it takes none
        of those that are under way.
        """

    def close(self) -> Deferred[None]:
        """Close the connections."""


class LineTarget(Protocol):
    """A far side that takes lines and keeps no place: at least once.

    promise: a sentence for the log. most_lines, most_bytes: of one `send`. ahead: how many may be under way
    behind one that has no answer; they are answered in their order.
    """

    promise: str
    most_lines: int
    most_bytes: int
    ahead: int

    def send(self, lines: SentLines) -> Deferred[None]:
        """Send lines; fires when the far side has acknowledged all of them.

        Fails with Unavailable, TooMuchAtOnce, RefusedForGood, or PartlyRefused: an acknowledgement, too.
        """

    def close(self) -> Deferred[None]:
        """Let go of connections."""


class ArchiveSurvey(NamedTuple):
    """The short names of the segments that an archive has, in order; and those that it has lost.

    lacking: also those of which it has lost a part.
    """

    names: list[str]
    lacking: list[Segment]


class SegmentTarget(Protocol):
    """A far side that takes sealed segments with their indexes: each is there once, or not at all.

    promise: a sentence for the log. url: where readers of the store find it.
    """

    promise: str
    url: str

    def survey(
        self, segments: Sequence[Segment], disk: Disk, *, others: bool = True
    ) -> Deferred[ArchiveSurvey]:
        """Ask which segments of this store it has. Fails with Unavailable.

        segments: those of `disk` that it is to have whole, if there is a note that they were put there.
        others: name those as well that are not between the first and the last of them.
        """

    def has(self, name: str) -> Deferred[bool]:
        """Ask whether it has a segment. Fails with Unavailable."""

    def put(self, packed: Segment, disk: Disk) -> Deferred[Manifest]:
        """Put a segment there; fires when it was read back, compared, and is there for good.

        Fails with Unavailable, ForeignStoreError, and with OSError and ValueError for one that cannot be
        read here.
        """

    def close(self) -> Deferred[None]:
        """Let go of it."""


class ForeignStoreError(LogsrvError):
    """The target has other lines of this store than are here; the sentence says what to do."""
