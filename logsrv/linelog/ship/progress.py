"""The progress of a shipper: its place in the store, which is saved each second, and its reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from logsrv.errors import StoreError
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import END
from logsrv.linelog.ship.reports import (
    GapFound,
    LinesRefused,
    PlaceSaved,
    SegmentPassed,
    ShipReport,
    TextAcknowledged,
    Trouble,
)
from logsrv.linelog.ship.ship_place import CountedGap, ShipPlace
from logsrv.linelog.ship.store_positions import position_for_ship_from
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import NOWHERE, Position


@attrs.define(eq=False, kw_only=True)
class Progress:
    """The place of a shipper, and its reports.

    store: the identity of the store. ship_from: `beginning`, `end` or a position, used if no place is
    saved. report: called with each report. position: the place up to which the target has all text.
    is_known: False until the position to begin at was found.
    """

    view: View
    kept: ShipPlace
    store: str
    ship_from: str
    clock: IReactorTime
    report: Callable[[ShipReport], object]
    position: Position = attrs.field(init=False, default=NOWHERE)
    is_known: bool = attrs.field(init=False, default=False)
    _saved: Position | None = attrs.field(init=False, default=None)

    def find_start(self) -> None:
        """Find the position to begin at.

        A damaged or foreign saved place is reported, and replaced. Raises OSError and StoreError, also if
        the saved place is unreadable at present.
        """
        end = end_of_store(self.view)
        saved = None
        try:
            saved = self.kept.load(self.store, end)
        except OSError as error:
            raise StoreError(f"{self.kept.path} cannot be read: {reason(error)}") from error
        except ValueError as error:
            self.report_trouble(f"{error}; lines are sent from {self.ship_from} on")
        self.position = saved or self._choose_start(end)
        self.is_known = True

    def _choose_start(self, end: Position) -> Position:
        position = position_for_ship_from(self.view, self.ship_from, end)
        # Save it now: if the shipper is killed before the first answer, "the end" must stay this position.
        try:
            self.kept.save(self.store, position)
        except OSError as error:
            if self.ship_from == END:
                raise StoreError(f"{self.kept.path} cannot be saved: {reason(error)}") from error
        return position

    def require_store(self) -> None:
        """Raise StoreError if the store was removed."""
        if self.view.directory_removed:
            raise StoreError("the store was removed; a restart of the server makes another one")

    def save(self) -> bool:
        """Save the place if it has changed, and report it; return False if saving fails."""
        if not self.is_known:
            return True
        if self.position != self._saved:
            self._forget_passed_gaps()
            try:
                self.kept.save(self.store, self.position)
            except OSError as error:
                self.report_trouble(
                    f"the place of {self.kept.name} cannot be saved: {reason(error)}"
                )
                return False
            self._saved = self.position
        # Report the place even if it was not saved now: it may have gone back and returned meanwhile.
        self.report(PlaceSaved(self.position))
        return True

    def report_trouble(self, why: str) -> None:
        self.report(Trouble(why))

    def move_to_acknowledged(self, end: Position, size: int, lines: int, since: float) -> None:
        """Move the place to `end`: the target has acknowledged all before. since: the time of the send."""
        self.move_to_target(end)
        seconds = self.clock.seconds() - since
        self.report(TextAcknowledged(end, size, lines, seconds))

    def move_to_target(self, position: Position) -> None:
        """Move the place to where the target says that it has everything before."""
        self.position = position
        self.kept.new = False

    def skip_to(self, position: Position) -> None:
        """Move the place over text that is not sent: not selected, refused, or gone."""
        self.position = position

    def pass_over(self, position: Position) -> None:
        """Move the place to a later segment, and report it: nothing before that is to be sent."""
        self.skip_to(position)
        self.report(SegmentPassed(position))

    def go_back(self, position: Position) -> None:
        """Move the place back: the target has lost text, and gaps may be found once more."""
        self._forget_passed_gaps()
        self.position = position

    def count_gap(self, missing: MissingText, before: Position, after: Position) -> None:
        """Count and report text that is gone between two positions, but only once.

        If the target did not take the text after a gap, the gap may be found again, and may have grown at
        both ends. The count is saved now: the target may take the next text, and its answer may be lost.
        """
        kept, uncounted, others = self.kept, missing, []
        for gap in kept.gaps:
            if before < gap.after <= after:
                uncounted = uncounted.minus(gap.missing)
            else:
                others.append(gap)
        if uncounted:
            kept.gone, kept.gaps = kept.gone.plus(uncounted), [*others, CountedGap(after, missing)]
            size = uncounted.bytes if uncounted.known else None
            self.report(GapFound(size, uncounted.lines))
            self._saved = None
            self.save()

    def _forget_passed_gaps(self) -> None:
        """Forget the gaps before the place: they are not found again."""
        self.kept.gaps = [gap for gap in self.kept.gaps if gap.after > self.position]

    def keep_refused(self, lines: Sequence[bytes], number: int, why: str) -> None:
        """Keep in a file, and report, lines that the target will never take.

        lines: the refused lines, as far as they are known. number: how many lines were refused.
        """
        try:
            self.kept.refused.add(lines)
        except OSError as error:
            self.report_trouble(f"{self.kept.refused.path} cannot be written: {reason(error)}")
        if lines:
            why = f"{why}; kept in {self.kept.refused.path}"
        self.report(LinesRefused(why, size_with_lfs(lines), number))


def size_with_lfs(lines: Sequence[bytes]) -> int:
    """Return the number of bytes in lines, with an LF for each."""
    return sum(map(len, lines)) + len(lines)
