"""The common part of all shippers: their loop, their place, and their reports."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import END
from logsrv.linelog.ship.loop import AnyTarget, ShipLoop
from logsrv.linelog.ship.messages import ShipReport
from logsrv.linelog.ship.store_places import missing_after, place_for_ship_from
from logsrv.linelog.store.disk import reason
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.segment_notes import MissingText


@attrs.define(eq=False, kw_only=True)
class Shipper(ShipLoop[AnyTarget]):
    """A shipper of a store to a target, from `start` to the end of `stop`.

    ship_from: `beginning`, `end` or a position, used if no place is saved.
    """

    _view: View
    _ship_from: str

    def _load_or_choose_place(self) -> None:
        """Find the place to begin at.

        A damaged or foreign saved place is reported, and replaced. Raises OSError and StoreError, also if
        the saved place is unreadable at present.
        """
        end = end_of_store(self._view)
        try:
            self.position = self._kept.load(self._store, end)
        except OSError as error:
            raise StoreError(f"{self._kept.path} cannot be read: {reason(error)}") from error
        except ValueError as error:
            self._report_trouble(f"{error}; lines are sent from {self._ship_from} on")
        if self.position is not None:
            return
        position = place_for_ship_from(self._view, self._ship_from, end)
        # Save it now: if the shipper is killed before the first answer, "the end" must stay this place.
        try:
            self._kept.save(self._store, position)
        except OSError as error:
            if self._ship_from == END:
                raise StoreError(f"{self._kept.path} cannot be saved: {reason(error)}") from error
        self.position = position

    def _require_store(self) -> None:
        """Raise StoreError if the store was removed."""
        if self._view.directory_removed:
            raise StoreError("the store was removed; a restart of the server makes another one")

    def _move_to_acknowledged(self, end: Position, size: int, lines: int, since: float) -> None:
        """Move the place to `end`: the target has acknowledged all before. since: the time of the send."""
        self.position = end
        self._kept.new = False
        seconds = self._clock.seconds() - since
        report = ShipReport("acknowledged", position=end, bytes=size, lines=lines, seconds=seconds)
        self._report(report)

    @property
    def store_needed_from(self) -> Position | None:
        """The place from which on the store is still needed: earlier text is in memory, or was sent."""
        return self.position

    def missing_after_place(self) -> MissingText:
        """Return the amount of text that is gone where the target needs the next lines."""
        return (
            MissingText()
            if self.store_needed_from is None
            else missing_after(self._view, self.store_needed_from)
        )

    def _count_gap(self, missing: MissingText) -> None:
        """Count and report text that is gone before the place; the count is saved with the place."""
        self._kept.gone = self._kept.gone.plus(missing)
        size = missing.bytes if missing.known else None
        self._report(ShipReport("gap", bytes=size, lines=missing.lines))

    def _keep_refused(self, lines: Sequence[bytes], number: int, why: str) -> None:
        """Keep in a file, and report, lines that the target will never take.

        lines: the refused lines, as far as they are known. number: how many lines were refused.
        """
        try:
            self._kept.refused.add(lines)
        except OSError as error:
            self._report_trouble(f"{self._kept.refused.path} cannot be written: {reason(error)}")
        if lines:
            why = f"{why}; kept in {self._kept.refused.path}"
        self._report(ShipReport("refused", why, bytes=size_with_lfs(lines), lines=number))


def size_with_lfs(lines: Sequence[bytes]) -> int:
    """Return the number of bytes in lines, with an LF for each."""
    return sum(map(len, lines)) + len(lines)
