"""A shipper of blocks, to a target that keeps its own place: each byte of the store exactly once.

The saved place is only a hint. At the start and after each failure the shipper asks the target for its
place, and compares it with the store. So a lost answer, a killed shipper and a late block are all the same
case: the next block begins at the target's place.

The target's window is the most blocks in flight. Only one is in flight until the target has taken the first
block after a question, or GROW blocks after a block was not taken. Meanwhile the next block is cut; it is
dropped if anything fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logsrv.linelog.read.follow import bytes_between, end_of_store
from logsrv.linelog.ship.cut import BlockCutter, BlockLimits, CutBlock
from logsrv.linelog.ship.loop import LEAST
from logsrv.linelog.ship.messages import ShipReport
from logsrv.linelog.ship.ship_place import UnconfirmedGap
from logsrv.linelog.ship.shipper import Shipper
from logsrv.linelog.ship.store_places import crc_between, may_begin_line
from logsrv.linelog.ship.target import (
    BlockTarget,
    ForeignStoreError,
    LastBlock,
    MisplacedBlock,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.segment import Position
from logsrv.timer import Timer

AHEAD = 0.002
"""Seconds until the next block is cut: by then most of the block in flight was sent."""
GROW = 64
"""The blocks that must be taken, after a block was too large, before larger ones are tried again; also,
after a block was not taken, before several are in flight again."""


@attrs.define(eq=False, kw_only=True)
class BlockShipper(Shipper[BlockTarget]):
    """A shipper of blocks. ship_from: where it begins if no place is saved, and the target is empty."""

    # The end of the last sent block, or the place that the target named; None for an empty target.
    _after: Position | None = attrs.field(init=False, default=None)
    # True if the target has acknowledged text of this store; False before the first acknowledgement.
    _acknowledged: bool = attrs.field(init=False, default=False)
    _cut: CutBlock | None = attrs.field(init=False, default=None)
    # The block after `_cut`, which is cut while `_cut` is in flight.
    _ahead: CutBlock | None = attrs.field(init=False, default=None)
    _soon: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _limits: BlockLimits = attrs.Factory(
        lambda self: BlockLimits(self._target.largest, self._target.largest), takes_self=True
    )
    _taken_since: int = attrs.field(init=False, default=0)
    # The number of blocks that must still be taken one by one before several may be in flight.
    _one_by_one: int = attrs.field(init=False, default=1)
    # The target's last warning, which was reported.
    _warning: str = attrs.field(init=False, default="")
    # The lines that are missing at the target's readers, as they were reported.
    _missing: str = attrs.field(init=False, default="")
    _flights: BlocksInFlight = attrs.Factory(
        lambda self: BlocksInFlight(self._send_block, self._record_taken_block, self._clock),
        takes_self=True,
    )
    _cutter: BlockCutter = attrs.Factory(
        lambda self: BlockCutter(self._view, self._store, self._refuse_large_line), takes_self=True
    )

    @property
    def more_to_send(self) -> bool:
        """True if more text follows the block that was cut last."""
        return self._cut is not None and self._cut.more

    def find_place(self) -> Deferred[None]:
        """Ask the target for its place, and continue there."""
        self._flights.cancel_all()
        self._one_by_one = max(1, self._one_by_one)
        if self.position is None:
            self._load_or_choose_place()
            self._acknowledged = not self._kept.new
        return maybeDeferred(self._target.fetch_last_block).addCallback(self._continue_after)

    def _continue_after(self, last: LastBlock | None) -> None:
        assert self.position is not None
        self._report_warning()
        if last is None:
            if self._acknowledged:
                self._report_forgotten(self.position)
            self._after = None
        else:
            self._require_same_store(last)
            if self._acknowledged and last.position < self.position:
                missing, is_known = bytes_between(self._view, last.position, self.position)
                # 0 between the end of a segment and the beginning of the next one: nothing is lost.
                if missing or not is_known:
                    self._report_lost_text(last.position, missing if is_known else None)
            self._after = self.position = last.position
            self._kept.new = False
            for gap in self._kept.sent:
                # The block after this gap was taken, although its answer was lost.
                if gap.end <= last.position:
                    self._count_gap(gap.missing)
        self._kept.sent.clear()
        self._acknowledged = last is not None
        # The limit may be another now: some targets learn it from the server that they connect to.
        largest = self._target.largest
        self._limits = BlockLimits(
            min(self._limits.block, largest), min(self._limits.line, largest)
        )
        self._drop_cut_ahead()
        self._cutter.move_to(self.position)

    def _report_warning(self) -> None:
        """Report the target's warning, and which lines its readers lack, if they are others than before."""
        if self._target.missing != self._missing:
            self._missing = self._target.missing
            self._report(ShipReport("lacking", self._missing))
        if self._target.warning != self._warning:
            self._warning = self._target.warning
            if self._warning:
                self._report_trouble(self._warning)

    def _report_forgotten(self, position: Position) -> None:
        on = f"sending goes on at {position}"
        if self._target.has_removed_blocks:
            why = (
                f"the stream has removed all lines of this store, by its limits; {on}, and readers that had"
                " not fetched the earlier lines lack them"
            )
            self._report(ShipReport("trouble", why, position=position))
        else:
            why = f"the target has nothing of this store; {on}"
            self._report(ShipReport("forgot", why, position=position))

    def _report_lost_text(self, position: Position, missing: int | None) -> None:
        why = f"the target had acknowledged {self.position}, and has only {position}"
        self._report(ShipReport("resent", why, position=position, bytes=missing))

    def _require_same_store(self, last: LastBlock) -> None:
        """Raise ForeignStoreError unless the target's text is the store's. Also OSError and StoreError."""
        end = end_of_store(self._view)
        self._require_store()
        if last.position > end:
            why = f"the target has this store up to {last.position}, and here it ends at {end}"
        elif last.start is None or last.crc is None:
            if may_begin_line(self._view, last.position):
                return
            why = f"the target has this store up to {last.position}, where no line begins here"
        elif crc_between(self._view, last.start, last.position) in (None, last.crc):
            return
        else:
            why = f"from {last.start} to {last.position} the target has other lines than are here"
        raise ForeignStoreError(
            f"{why}: this store was restored or copied; nothing more is sent from it there until"
            " `logsrv ship --new-identity` has made it another store"
        )

    def prepare_send(self) -> bool:
        """Cut the next block; return True if there is one, or if a block in flight has no answer yet."""
        self._require_store()
        ahead = self._ahead
        self._drop_cut_ahead()
        self._cut = None
        if not self._flights.failed:
            self._cut = ahead or self._cutter.cut_block(self._after, self._limits)
        if self._cut is not None or self._flights:
            return True
        passed = self._cutter.cut_up_to
        if passed is not None and self.position is not None and passed > self.position:
            # The segment was sent to its end, so retention need not keep it.
            self.position = passed
            self._report(ShipReport("passed", position=passed))
        return False

    def send_prepared(self) -> Deferred[None]:
        """Send the block, if there is one; fires when the next block may be sent."""
        if self._cut is not None:
            self._after = self._cut.block.end
            self._save_gap(self._cut)
            self._flights.send(self._cut)
            window = 1 if self._one_by_one else self._target.window
            if len(self._flights) < window and not self._flights.failed:
                return succeed(None)
            if self._cut.more:
                self._soon.start(AHEAD, self._cut_ahead, self._after)
        return self._flights.wait_until_taken().addErrback(self._slow_down)

    def _slow_down(self, failure: Failure) -> Failure:
        if failure.check(MisplacedBlock, Unavailable, CancelledError):
            # Send single blocks for a while: a proxy may reorder several, or the target cannot take them.
            self._one_by_one = GROW
        if failure.check(CancelledError) and self._cut is not None:
            # No answer came in time: the link may be slow, so send smaller blocks.
            half = max(len(self._cut.block.packed) // 2, LEAST)
            self._limits = self._limits._replace(block=min(half, self._limits.block))
            self._taken_since = 0
        return failure

    def _send_block(self, cut: CutBlock) -> Deferred[None]:
        return maybeDeferred(self._target.send, cut.block).addErrback(self._shrink_or_unpack, cut)

    def _cut_ahead(self, after: Position) -> None:
        try:
            self._ahead = self._cutter.cut_block(after, self._limits)
        except Exception:
            # `prepare_send` cuts the block again, and then raises the error.
            self._cutter.move_to(after)

    def _drop_cut_ahead(self) -> None:
        """Drop the block that was cut ahead."""
        self._soon.stop()
        self._ahead = None

    def _record_taken_block(self, cut: CutBlock, since: float) -> None:
        block = cut.block
        self._acknowledged = True
        self._report_warning()
        if not self._flights.failed:
            self._cutter.unpacks = False
        self._one_by_one = max(0, self._one_by_one - 1)
        self._move_to_acknowledged(block.end, block.text_size, cut.lines, since)
        while self._kept.sent and self._kept.sent[0].end <= block.end:
            self._count_gap(self._kept.sent.pop(0).missing)
        largest = self._target.largest
        if self._limits != (largest, largest):
            self._taken_since += 1
            if self._taken_since >= GROW:
                self._taken_since = 0
                self._limits = BlockLimits(min(self._limits.block * 2, largest), largest)

    def _save_gap(self, cut: CutBlock) -> None:
        """Save the gap before a block, because the block may be taken and its answer be lost.

        Raises OSError.
        """
        if cut.missing:
            assert self.position is not None
            self._kept.sent.append(UnconfirmedGap(cut.block.end, cut.missing))
            self._kept.save(self._store, self.position)

    @property
    def store_needed_from(self) -> Position | None:
        place = self.position
        if place is not None and self._after is not None:
            # Sent text need not stay in the store: the target may have all of it already.
            place = max(place, self._after)
        if place is not None and place.segment == self._cutter.open_segment_number:
            return Position(place.segment + 1, 0)
        return place

    def _shrink_or_unpack(self, failure: Failure, cut: CutBlock) -> Failure:
        """Return the failure of a block, and cut smaller ones from now on if it was too large.

        If it was refused for good, raise Unavailable, and from now on unpack frames to verify them, until a
        block is taken.
        """
        if failure.check(TooMuchAtOnce):
            size = len(cut.block.packed)
            self._taken_since = 0
            if cut.lines == 1:
                self._limits = self._limits._replace(line=size - 1)
            else:
                self._limits = self._limits._replace(block=size // 2)
        elif failure.check(RefusedForGood):
            # No line of a block can be left out. Checksums in the index may be wrong: verify the frames
            # until a block is taken.
            self._cutter.unpacks = True
            raise Unavailable(str(failure.value), settled=True)
        return failure

    def _refuse_large_line(self, line: bytes) -> None:
        why = f"a line of {len(line)} bytes is larger than the target takes"
        self._keep_refused([line.removesuffix(b"\n")], 1, why)

    def close(self) -> Deferred[None]:
        self._drop_cut_ahead()
        self._flights.cancel_all()
        self._cutter.close()
        return super().close()


@attrs.define(eq=False)
class _BlockInFlight:
    """A block, the time at which it was sent, and its answer."""

    cut: CutBlock
    since: float
    call: Deferred[None] = attrs.field(factory=Deferred)
    answered: bool = False
    failure: Failure | None = None


@attrs.define(eq=False)
class BlocksInFlight:
    """The blocks in flight; their answers are handled in the order of the blocks.

    send: sends a block. taken: called for each block that the target has taken, with the time at which it
    was sent. failed: whether the target has not taken a block, so that it takes none of the later ones.
    """

    _send: Callable[[CutBlock], Deferred[None]]
    _taken: Callable[[CutBlock, float], None]
    _clock: IReactorTime
    failed: bool = attrs.field(init=False, default=False)
    _all: deque[_BlockInFlight] = attrs.field(init=False, factory=deque)
    _waiting: Deferred[None] | None = attrs.field(init=False, default=None)

    def __len__(self) -> int:
        return len(self._all)

    def send(self, cut: CutBlock) -> None:
        """Send a block, after those in flight."""
        flight = _BlockInFlight(cut, self._clock.seconds())
        self._all.append(flight)
        flight.call = maybeDeferred(self._send, cut).addBoth(self._handle_answer, flight)

    def wait_until_taken(self) -> Deferred[None]:
        """Return a Deferred that fires when the target has taken another block.

        If a block was not taken, the Deferred fails with the reason when all blocks in flight have an
        answer. Cancelling it drops the blocks.
        """
        waiting = self._waiting = Deferred(lambda _: self.cancel_all())
        self._fail_if_all_answered()
        return waiting

    def cancel_all(self) -> None:
        """Cancel all sends in flight; the target may or may not have these blocks."""
        self._waiting, self.failed = None, False
        dropped, self._all = self._all, deque()
        for flight in dropped:
            flight.call.cancel()

    def _handle_answer(self, result: Failure | None, flight: _BlockInFlight) -> None:
        if flight not in self._all:
            return
        flight.answered = True
        if isinstance(result, Failure):
            flight.failure, self.failed = result, True
        before = len(self._all)
        while self._all and self._all[0].answered and self._all[0].failure is None:
            first = self._all.popleft()
            self._taken(first.cut, first.since)
        waiting = self._waiting
        if waiting is not None and not self.failed and len(self._all) < before:
            self._waiting = None
            waiting.callback(None)
        self._fail_if_all_answered()

    def _fail_if_all_answered(self) -> None:
        """If a block was not taken, and all have an answer, drop all, and fail for the first of these."""
        waiting = self._waiting
        if waiting is None or not self.failed or not all(flight.answered for flight in self._all):
            return
        failure = next(flight.failure for flight in self._all if flight.failure is not None)
        self.cancel_all()
        waiting.errback(failure)
