"""The stores that alerts read: the main store and those of rules, which come and go.

Reloads make stores of rules, and somebody may remove them. One that cannot be opened is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

from logsrv.errors import StoreError
from logsrv.kit.text.time import rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.all_stores import stores_in
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.cursor import (
    Place,
    are_other_stores,
    identities_in,
    place_in,
    positions_in,
    why_of_other_store,
)
from logsrv.linelog.store.identity import NAME as IDENTITY
from logsrv.linelog.store.identity import parse_identity
from logsrv.linelog.store.segment import NOWHERE, Position, name_of_store

if TYPE_CHECKING:
    from logsrv.linelog.read import stores_search
else:
    # Most stores have no others in them.
    stores_search = later_module("logsrv.linelog.read.stores_search")

BEFORE = 10.0
"""Seconds before a place was saved from which on a store counts that the place does not know."""


class StoreChanges(NamedTuple):
    """The stores that came, with their first positions, and the numbers of those that went."""

    new: Mapping[int, Position]
    gone: Collection[int]


class WatchedStores:
    """The main store in `directory` and the stores of rules in it, which come and go.

    tell: as for `View`. removed: is called with a sentence about a store of a rule that is gone.
    """

    def __init__(
        self,
        directory: str,
        tell: Callable[[str], None],
        *,
        time_of_day: Callable[[], float],
        removed: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._tell = tell
        self._removed = removed
        self.time_of_day = time_of_day
        self.main = View(directory, tell)
        self.views: dict[int, View] = {0: self.main}
        # The open stores of rules have these, as far as they are known. Places share the mapping: it is
        # replaced, never changed.
        self.identities: Mapping[int, str] = {}
        # Stores of places that are gone, and stores that cannot be opened, of which it was told.
        self._missing: set[int] = set()
        self._faults: dict[int, str] = {}
        # When it was found that a store could not be opened.
        self._unread_since: dict[int, float] = {}

    @property
    def are_several(self) -> bool:
        """True if there is any store of a rule."""
        return len(self.views) > 1

    def look(self) -> StoreChanges:
        """Open new stores, and close those that were removed."""
        gone = {number for number, view in self.views.items() if number and view.directory_removed}
        for number in gone:
            self.views.pop(number).close()
            self._report_removed(number, "was removed")
        if gone:
            self.identities = {one: own for one, own in self.identities.items() if one not in gone}
        try:
            found = stores_in(self._directory)
        except StoreError as error:
            self.report_fault(0, str(error))
            return StoreChanges({}, gone)
        self._faults.pop(0, None)
        for number in self._unread_since.keys() - found.keys():
            del self._unread_since[number]
            self._faults.pop(number, None)
            gone.add(number)
            self._report_removed(number, "was removed")
        new: dict[int, Position] = {}
        for number, place in found.items():
            if number not in self.views and (view := self._open(number, place)) is not None:
                self.views[number] = view
                since = self._unread_since.pop(number, None)
                first = Position(view.segments[0].number, 0)
                new[number] = first if since is None else self._begin_since(view, since)
        self._note_identities()
        return StoreChanges(new, gone)

    def _note_identities(self) -> None:
        """Note the identities of the open stores of rules; a new one may get its own after it is found."""
        rules = {number: view for number, view in self.views.items() if number}
        if rules.keys() != self.identities.keys():
            known = self.identities
            found = {one: known.get(one) or _identity_of(view) for one, view in rules.items()}
            self.identities = {number: one for number, one in found.items() if one}

    def _open(self, number: int, place: str) -> View | None:
        try:
            view: View = stores_search.RuleStoreView(number, place, self._tell)
        except StoreError as error:
            self._unread_since.setdefault(number, self.time_of_day())
            self.report_fault(number, str(error))
            return None
        self._missing.discard(number)
        self._faults.pop(number, None)
        return view

    def report_fault(self, number: int, why: str) -> None:
        """Tell why a store cannot be read now, once: it is tried again."""
        if self._faults.get(number) != why:
            self._faults[number] = why
            self._tell(why)

    def _report_removed(self, number: int, how: str) -> None:
        place = f"{self._directory}/stores/{name_of_store(number)}"
        self._removed(f"{place} {how}; alerts go on without its lines")

    def complete(self, place: Place, saved: float) -> Place:
        """Return a saved place with a position in each open store. saved: when, in seconds since 1970.

        A store that the place does not know was not there, or not read, when it was saved: its lines
        count from then on. If another store is there now, lines count from its end on. A position in a
        store that cannot be opened now is kept until it can.
        """
        known, identities = positions_in(place), identities_in(place)
        unread = {}
        for number in known.keys() - self.views.keys():
            if 0 in self._faults or number in self._unread_since:
                unread[number] = known[number]
            elif number not in self._missing:
                self._missing.add(number)
                self._report_removed(number, "is gone")
        found = {0: known[0], **unread}
        for number, view in self.views.items():
            if number and number in known:
                found[number] = self.within_store(number, known[number], identities.get(number, ""))
            elif number:
                found[number] = self._begin_since(view, saved)
        before = {number: identities[number] for number in unread.keys() & identities.keys()}
        return place_in(found, {**self.identities, **before})

    def within_store(self, number: int, position: Position, identity: str) -> Position:
        """Return a saved position in an open store of a rule; its end if the position is of another store.

        identity: of the store of the position; "" if it is unknown.
        """
        view, present = self.views[number], self.identities.get(number, "")
        end = end_of_store(view)
        if end == NOWHERE:
            # No segment can be opened, so the end is not known.
            if not are_other_stores(identity, present):
                return position
            end = Position(view.segments[-1].number, 0)
        why = why_of_other_store(position, identity, end, present)
        if why is None:
            return position
        self._tell(why)
        return end

    def _begin_since(self, view: View, saved: float) -> Position:
        """Return the position of the first line from a time on; the end if there is none."""
        first = Position(view.segments[0].number, 0)
        if saved > self.time_of_day():
            # The clock was set back: times do not tell which lines are new.
            return first
        scope = Scope(since=rfc3339(saved - BEFORE))
        end = end_of_store(view)
        if end == NOWHERE:
            return first
        with closing(Search(view, make_matcher(EVERYTHING), scope, processes=1)) as search:
            hit = next(search.hits(), None)
        return end if hit is None else hit.position

    def close(self) -> None:
        for view in self.views.values():
            view.close()


def _identity_of(view: View) -> str:
    """Return the identity of an open store; "" if it cannot be read: a server says why."""
    with suppress(OSError, ValueError):
        return parse_identity(view.read_file(IDENTITY)).store
    return ""
