"""Blocks for a target that keeps its own place: each byte of the store exactly once.

The saved place is only a hint. At the start and after each failure the target is asked for its place, which
is compared with the store. So a lost answer, a killed shipper and a late block are all the same case: the
next block begins at the target's place.

The target's window is the most blocks in flight. Only one is in flight until the target has taken the first
block after a question, or GROW blocks after a block was not taken. Meanwhile the next block is cut; it is
dropped if anything fails.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from logsrv.linelog.read.follow import bytes_between, end_of_store
from logsrv.linelog.ship.cut import BlockCutter, BlockLimits, CutBlock
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import ReadersLack, StoreForgotten, TextResent
from logsrv.linelog.ship.ship_place import counted_to
from logsrv.linelog.ship.store_positions import crc_between, may_begin_line, missing_after
from logsrv.linelog.ship.targets.target import (
    ANSWER,
    LEAST,
    BlockTarget,
    ForeignStoreError,
    LastBlock,
    MisplacedBlock,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
    call_target,
)
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import NOWHERE, Position
from logsrv.reactor import Timer

AHEAD = 0.002
"""Seconds until the next block is cut: by then most of the block in flight was sent."""
GROW = 64
"""The blocks that must be taken, after a block was too large, before larger ones are tried again; also,
after a block was not taken, before several are in flight again."""


class _BlockInFlight(NamedTuple):
    """A block in flight. answer: fires with the answer. since: the time at which it was sent."""

    cut: CutBlock
    answer: Deferred[None]
    since: float


class BlockSender:
    """The blocks of a store for a target."""

    patience = ANSWER

    def __init__(self, target: BlockTarget, progress: Progress) -> None:
        self.target = target
        self._progress = progress
        self._view = progress.view
        self._cutter = BlockCutter(self._view, progress.store, self._refuse_large_line)
        self._limits = BlockLimits(target.largest, target.largest)
        # The end of the last sent block, or the place that the target named; None for an empty target.
        self._after: Position | None = None
        # True if the target has acknowledged text of this store; False before the first acknowledgement.
        self._acknowledged = False
        # The block to send, and the block after it, which is cut while it is in flight.
        self._cut: CutBlock | None = None
        self._ahead: CutBlock | None = None
        self._soon = Timer(progress.clock)
        self._in_flight: deque[_BlockInFlight] = deque()
        # True if a block in flight was not taken, so that the target takes none of the later ones.
        self._failed = False
        # The number of blocks that must still be taken one by one before several may be in flight.
        self._one_by_one = 1
        self._taken_since = 0
        # The target's last warning, and the lines that are missing at its readers, as they were reported.
        self._warning = self._missing = ""

    @property
    def more_to_send(self) -> bool:
        """True if more text follows the block that was cut last, or answers are still to come."""
        return bool(self._in_flight) or (self._cut is not None and self._cut.more)

    async def find_place(self) -> None:
        """Ask the target for its place, and continue there."""
        self._cancel_sends()
        self._one_by_one = max(1, self._one_by_one)
        progress = self._progress
        if not progress.is_known:
            progress.find_start()
            self._acknowledged = not progress.kept.new
        last = await self.target.fetch_last_block()
        self._report_warning()
        if last is None:
            if self._acknowledged:
                self._report_forgotten(progress.position)
            self._after = None
        else:
            self._require_same_store(last)
            if self._acknowledged and last.position < progress.position:
                self._report_lost_text(last.position)
            progress.move_to_target(last.position)
            self._after = last.position
        self._acknowledged = last is not None
        # The limit may be another now: some targets learn it from the server that they connect to.
        largest = self.target.largest
        self._limits = BlockLimits(
            min(self._limits.block, largest), min(self._limits.line, largest)
        )
        self._drop_cut_ahead()
        self._cutter.move_to(progress.position)

    def _report_warning(self) -> None:
        """Report the target's warning, and which lines its readers lack, if they are others than before."""
        if self.target.missing != self._missing:
            self._missing = self.target.missing
            self._progress.report(ReadersLack(self._missing))
        if self.target.warning != self._warning:
            self._warning = self.target.warning
            if self._warning:
                self._progress.report_trouble(self._warning)

    def _report_forgotten(self, position: Position) -> None:
        on = f"sending goes on at {position}"
        if self.target.has_removed_blocks:
            why = (
                f"the stream has removed all lines of this store, by its limits; {on}, and readers that had"
                " not fetched the earlier lines lack them"
            )
            self._progress.report_trouble(why)
        else:
            why = f"the target has nothing of this store; {on}"
            self._progress.report(StoreForgotten(why, position))

    def _report_lost_text(self, position: Position) -> None:
        acknowledged = self._progress.position
        missing, is_known = bytes_between(self._view, position, acknowledged)
        # 0 between the end of a segment and the beginning of the next one: nothing is lost.
        if missing or not is_known:
            why = f"the target had acknowledged {acknowledged}, and has only {position}"
            size = missing if is_known else None
            self._progress.report(TextResent(why, position, size))
            self._progress.go_back(position)

    def _require_same_store(self, last: LastBlock) -> None:
        """Raise ForeignStoreError unless the target's text is the store's. Also OSError and StoreError."""
        end = end_of_store(self._view)
        self._progress.require_store()
        if last.position > end:
            why = f"the target has this store up to {last.position}, and here it ends at {end}"
        elif last.start is None or last.crc is None:
            if may_begin_line(self._view, last.position):
                return
            why = f"the target has this store up to {last.position}, where no line begins here"
        elif crc_between(self._view, last.start, last.position) in (None, last.crc):
            return
        elif self._view.erased_between(last.start, last.position):
            # The target has the block as it was before lines were erased here.
            return
        else:
            why = f"from {last.start} to {last.position} the target has other lines than are here"
        raise ForeignStoreError(
            f"{why}: this store was restored or copied; nothing more is sent from it there until"
            " `logsrv ship --new-identity` has made it another store"
        )

    def prepare(self) -> bool:
        """Cut the next block; return True if there is one, or if a block in flight has no answer yet."""
        progress = self._progress
        progress.require_store()
        ahead = self._ahead
        self._drop_cut_ahead()
        self._cut = None
        if not self._failed:
            self._cut = ahead or self._cutter.cut_block(self._after, self._limits)
        if self._cut is not None or self._in_flight:
            return True
        passed = self._cutter.cut_up_to
        if passed is not None and passed > progress.position:
            # The segment was sent to its end, so retention need not keep it.
            progress.pass_over(passed)
        return False

    async def send(self) -> None:
        """Send the block, if there is one; return when the next block may be sent."""
        cut = self._cut
        if cut is not None:
            self._after = cut.block.end
            if cut.missing:
                before = cut.block.after or self._progress.position
                self._progress.count_gap(cut.missing, before, cut.block.start)
            answer = call_target(self.target.send, cut.block).addErrback(self._note_failure)
            self._in_flight.append(_BlockInFlight(cut, answer, self._progress.clock.seconds()))
            if cut.more:
                window = 1 if self._one_by_one else self.target.window
                if len(self._in_flight) < window and not self._failed:
                    return
                self._soon.start(AHEAD, self._cut_ahead, self._after)
        await self._wait_for_answer()

    async def _wait_for_answer(self) -> None:
        """Wait for the answer to the first block in flight, because answers count in the blocks' order."""
        flight = self._in_flight[0]
        try:
            try:
                await flight.answer
            except CancelledError:
                raise
            except Exception:
                # An answer to a later block may be on its way; without it the target's place may change.
                for later in [*self._in_flight][1:]:
                    await later.answer.addErrback(_ignore_unless_cancelled)
                raise
        except TooMuchAtOnce:
            self._shrink_blocks(flight.cut)
            raise
        except RefusedForGood as error:
            # No line of a block can be left out. Checksums in the index may be wrong: verify the frames
            # until a block is taken.
            self._cutter.unpacks = True
            raise Unavailable(str(error), settled=True) from error
        except (MisplacedBlock, Unavailable, CancelledError) as error:
            # Send single blocks for a while: a proxy may reorder several, or the target cannot take them.
            self._one_by_one = GROW
            if isinstance(error, CancelledError):
                # No answer came in time: the link may be slow, so send smaller blocks.
                half = max(len(flight.cut.block.packed) // 2, LEAST)
                self._limits = self._limits._replace(block=min(half, self._limits.block))
                self._taken_since = 0
            raise
        self._in_flight.popleft()
        self._record_taken_block(flight)

    async def finish(self) -> None:
        """Wait for nothing: at the next start the target says what it has taken."""

    def _note_failure(self, failure: Failure) -> Failure:
        self._failed = True
        return failure

    def _cut_ahead(self, after: Position) -> None:
        try:
            self._ahead = self._cutter.cut_block(after, self._limits)
        except Exception:
            # `prepare` cuts the block again, and then raises the error.
            self._cutter.move_to(after)

    def _drop_cut_ahead(self) -> None:
        """Drop the block that was cut ahead."""
        self._soon.stop()
        self._ahead = None

    def _cancel_sends(self) -> None:
        """Cancel all sends in flight; the target may or may not have these blocks."""
        while self._in_flight:
            self._in_flight.popleft().answer.addErrback(lambda _: None).cancel()
        self._failed = False

    def _record_taken_block(self, flight: _BlockInFlight) -> None:
        block = flight.cut.block
        self._acknowledged = True
        self._report_warning()
        if not self._failed:
            self._cutter.unpacks = False
        self._one_by_one = max(0, self._one_by_one - 1)
        self._progress.move_to_acknowledged(
            block.end, block.text_size, flight.cut.lines, flight.since
        )
        largest = self.target.largest
        if self._limits != (largest, largest):
            self._taken_since += 1
            if self._taken_since >= GROW:
                self._taken_since = 0
                self._limits = BlockLimits(min(self._limits.block * 2, largest), largest)

    def missing_after_place(self) -> MissingText:
        # Sent text need not stay in the store: the target may have all of it already.
        progress = self._progress
        position = max(progress.position, self._after or NOWHERE, counted_to(progress.kept.gaps))
        return missing_after(self._view, self._cutter.store_needed_from(position))

    def _shrink_blocks(self, cut: CutBlock) -> None:
        """Cut smaller blocks from now on, because one was too large."""
        size = len(cut.block.packed)
        self._taken_since = 0
        if cut.lines == 1:
            self._limits = self._limits._replace(line=size - 1)
        else:
            self._limits = self._limits._replace(block=size // 2)

    def _refuse_large_line(self, line: bytes) -> None:
        why = f"a line of {len(line)} bytes is larger than the target takes"
        self._progress.keep_refused([line.removesuffix(b"\n")], 1, why)

    def close(self) -> None:
        self._drop_cut_ahead()
        self._cancel_sends()
        self._cutter.close()


def _ignore_unless_cancelled(failure: Failure) -> Failure | None:
    """Ignore the failure of a later block: that of the first is the reason."""
    return failure if failure.check(CancelledError) else None
