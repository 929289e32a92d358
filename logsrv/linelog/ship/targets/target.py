"""The interfaces of targets, which take blocks, lines or segments, and the errors that they raise.

Their methods are coroutines, or return Deferreds. A call that takes too long is cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from logsrv.errors import LogsrvError
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.manifest import Manifest
from logsrv.linelog.store.packed_block import PackedBlock
from logsrv.linelog.store.segment import Position, Segment

ANSWER = 30.0
"""The seconds within which a target has to answer; then the call is cancelled, and has failed."""
LEAST = 1 << 16
"""Bytes: if no answer comes within ANSWER, the link may be slow; text is halved, down to this size."""
BETWEEN = "; "
"""What separates the entries of `BlockTarget.missing`."""


P = ParamSpec("P")
T = TypeVar("T")


def call_target(method: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs) -> Deferred[T]:
    """Call a method of a target; also if it is no coroutine and raises, the Deferred has the error."""
    called: Deferred[T] = maybeDeferred(method, *args, **named)  # type: ignore[arg-type]
    return called


class Unavailable(LogsrvError):
    """The target takes nothing at present; lines in flight may or may not have arrived.

    after: seconds until the next attempt; None for the shipper's own pauses. settled: whether the cause
    will not pass by itself (401, a certificate): then attempts are a minute apart. hung_up: whether the
    target ended a connection on which lines were in flight. taken: how many of these lines, from the first
    on, it had acknowledged: the others are sent again. busy: whether it asks to be tried again soon (429,
    503, a full stream), as targets do now and then while all is well.
    """

    def __init__(
        self,
        why: str,
        *,
        after: float | None = None,
        settled: bool = False,
        hung_up: bool = False,
        taken: int = 0,
        busy: bool = False,
    ) -> None:
        super().__init__(why)
        self.busy = busy
        self.after = after
        self.settled = settled
        self.hung_up = hung_up
        self.taken = max(0, taken)


class TooMuchAtOnce(LogsrvError):
    """The target takes these lines only in smaller pieces; it took nothing."""


class RefusedForGood(LogsrvError):
    """The target will never take these lines (400, 422); it took nothing."""


class PartlyRefused(RefusedForGood):
    """The target has all lines except `number` lines, which it will never take.

    which: the indexes of these lines among the sent lines, in order; empty if the target does not name
    them.
    """

    def __init__(self, why: str, number: int, which: Sequence[int] = ()) -> None:
        super().__init__(why)
        self.number = number
        self.which = which


class MisplacedBlock(LogsrvError):
    """The target's place is not the end of the block before. place: the target's; None if unknown."""

    def __init__(self, place: Position | None) -> None:
        super().__init__(f"the target is at {place or 'another place'}")
        self.place = place


class LastBlock(NamedTuple):
    """The position up to which a target has everything.

    start, crc: the beginning and the CRC-32 of the block that ends there; None if the target does not tell.
    """

    position: Position
    start: Position | None = None
    crc: int | None = None


class LineBatch(NamedTuple):
    """Whole stored lines, without their LFs, and the position after the last line."""

    lines: Sequence[bytes]
    end: Position


class BlockTarget(Protocol):
    """A target that takes blocks and reports its own place: exactly once.

    promise: its guarantee, for the log, such as "exactly once". largest: the most bytes of a packed block.
    window: the number of blocks that may be in flight. has_removed_blocks: whether, at the last answer, it
    had removed old blocks. Then it may have nothing of this store without having lost anything. warning: a
    sentence for the operator about the target while it still takes blocks; "" for none. missing: the
    positions between which lines are missing at readers of the target, which have passed over them.
    """

    promise: str
    largest: int
    has_removed_blocks: bool
    warning: str
    missing: str
    window: int

    def fetch_last_block(self) -> Awaitable[LastBlock | None]:
        """Return its place; None if it has nothing of this store. Raises Unavailable."""

    def send(self, block: PackedBlock) -> Awaitable[None]:
        """Send a block; return when the target has acknowledged it.

        Raises Unavailable, TooMuchAtOnce or MisplacedBlock. If the target does not take a block, it
        takes none of the later blocks in flight either.
        """

    def close(self) -> Awaitable[None]:
        """Close the connections."""


class LineTarget(Protocol):
    """A target that takes lines and keeps no place: at least once.

    promise: its guarantee, for the log. most_lines, most_bytes: limits of one `send`. ahead: how many
    further sends may be in flight while one has no answer; the answers come in order.
    """

    promise: str
    most_lines: int
    most_bytes: int
    ahead: int

    def send(self, lines: LineBatch) -> Awaitable[None]:
        """Send lines; return when the target has acknowledged all of them.

        Raises Unavailable, TooMuchAtOnce, RefusedForGood, or PartlyRefused, which acknowledges the
        other lines.
        """

    def close(self) -> Awaitable[None]:
        """Close the connections."""


class ArchiveSurvey(NamedTuple):
    """The answer of an archive. names: the short names of the segments that it has, in order.

    lacking: the segments that it has lost in whole or in part.
    """

    names: list[str]
    lacking: list[Segment]


class SentSegment(NamedTuple):
    """A segment that a target has: its short name, the bytes of its text, and its lines."""

    name: str
    text: int
    lines: int


class SegmentTarget(Protocol):
    """A target that takes sealed segments: it has each segment once, or not at all.

    promise: its guarantee, for the log. noun: what it is, for messages. url: the URL of an archive, at
    which readers of the store find the texts; "" for a target that does not keep them as they are.
    """

    promise: str
    noun: str
    url: str

    def survey(
        self, segments: Sequence[Segment], disk: Disk, *, others: bool = True
    ) -> Awaitable[ArchiveSurvey]:
        """Return which segments of this store the archive has. Raises Unavailable.

        segments: segments of `disk`; those with a note that they were archived must be whole in the
        archive. others: whether to list also segments outside the range from the first to the last of
        these. Without them, retention waits for the answer.
        """

    def has_segment(self, name: str) -> Awaitable[bool]:
        """Return whether the archive has a segment. Raises Unavailable."""

    def put_segment(self, packed: Segment, disk: Disk) -> Awaitable[Manifest | SentSegment]:
        """Put a segment into the archive; return when it was read back and compared, and is durable.

        A Manifest is noted beside the segment.

        Raises Unavailable and ForeignStoreError; with OSError or ValueError if the segment in the store
        cannot be read.
        """

    def close(self) -> Awaitable[None]:
        """End the work on the archive."""


class ForeignStoreError(LogsrvError):
    """The target has other lines under the identity of this store; the message says what to do."""
