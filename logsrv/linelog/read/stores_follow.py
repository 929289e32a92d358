"""Following the main store and the stores of rules in it as one, each line once.

Each store grows by itself, and its own writer thread writes it. Whoever counts lines by steps of time needs
the lines of all stores in the order of these steps. So a follower of several stores merges them by TIME: it
returns a line only when no line of an earlier step can still come from another store. That is so if the
other store has a later line, or was read to its end at least LAG after the TIME of the line.

Without steps nothing is held back: the stores are read in turns, as the live views read them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, NamedTuple

import attrs

from logsrv.errors import StoreError
from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.all_stores import stores_in
from logsrv.linelog.read.follow import LIMIT, AppendedLines, Follower, end_of_store
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.cursor import (
    Cursor,
    Place,
    has_reached,
    place_in,
    positions_in,
    start_of_store,
)
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Position, name_of_store
from logsrv.linelog.store.times import SHAPE, SIZE, digits_to_zeros

if TYPE_CHECKING:
    from logsrv.linelog.read import stores_search
else:
    # Most stores have no others in them.
    stores_search = later_module("logsrv.linelog.read.stores_search")

LAG = 1.0
"""Seconds after which a line with an earlier TIME has certainly been stored."""
BEFORE = 10.0
"""Seconds before a place was saved from which on a store counts that the place does not know."""
LEAST = 16 << 10
"""Bytes of the smallest piece: with many stores, their pieces together have LIMIT."""


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
            self._removed(f"{self._name(number)} was removed; alerts go on without its lines")
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
            self._removed(f"{self._name(number)} was removed; alerts go on without its lines")
        new = {}
        for number, place in found.items():
            if number not in self.views and (view := self._open(number, place)) is not None:
                self.views[number] = view
                since = self._unread_since.pop(number, None)
                first = Position(view.segments[0].number, 0)
                new[number] = first if since is None else self._begin_since(view, since)
        return StoreChanges(new, gone)

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

    def _name(self, number: int) -> str:
        return f"{self._directory}/stores/{name_of_store(number)}"

    def complete(self, place: Place, saved: float) -> Place:
        """Return a saved place with a position in each open store. saved: when, in seconds since 1970.

        A store that the place does not know was not there, or not read, when it was saved: its lines
        count from then on. A position after the end of its store is of another store of that name. A
        position in a store that cannot be opened now is kept until it can.
        """
        known = positions_in(place)
        unread = {}
        for number in known.keys() - self.views.keys():
            if 0 in self._faults or number in self._unread_since:
                unread[number] = known[number]
            elif number not in self._missing:
                self._missing.add(number)
                self._removed(f"{self._name(number)} is gone; alerts go on without its lines")
        found = {0: known[0], **unread}
        for number, view in self.views.items():
            if number and number in known:
                found[number] = self.within_store(number, known[number])
            elif number:
                found[number] = self._begin_since(view, saved)
        return place_in(found)

    def within_store(self, number: int, position: Position) -> Position:
        """Return a saved position in an open store; its end if the position is after that."""
        if position <= (end := end_of_store(self.views[number])):
            return position
        self._tell(
            f"a saved place is at {position}, and this store ends at {end}: lines count from there on"
        )
        return end

    def _begin_since(self, view: View, saved: float) -> Position:
        """Return the position of the first line from a time on; the end if there is none."""
        first = Position(view.segments[0].number, 0)
        if saved > self.time_of_day():
            # The clock was set back: times do not tell which lines are new.
            return first
        scope = Scope(since=rfc3339(saved - BEFORE))
        end = end_of_store(view)
        with closing(Search(view, make_matcher(EVERYTHING), scope, processes=1)) as search:
            hit = next(search.hits(), None)
        return end if hit is None else hit.position

    def close(self) -> None:
        for view in self.views.values():
            view.close()


@attrs.define(eq=False)
class _Piece:
    """Lines that were read, and returned up to `start`.

    latest: the time of day when they were read, as text: a later TIME is by a clock that was set back.
    """

    lines: AppendedLines
    latest: bytes
    start: int = 0

    @property
    def position(self) -> Position:
        """The position of the next line."""
        return self.lines.position.beside(self.start)

    @property
    def end(self) -> Position:
        """The position after the last line."""
        return self.lines.position.beside(len(self.lines.text))

    def size_before(self, until: Position | None) -> int:
        """Return the bytes of the text, or those before a position in it."""
        size = len(self.lines.text)
        if until is None or self.lines.position.segment < until.segment:
            return size
        if self.lines.position.segment > until.segment:
            return self.start
        return max(self.start, min(size, until.offset - self.lines.position.offset))

    def time_at(self, start: int) -> bytes:
        """Return the TIME of the line that begins there; "" if it has none."""
        return min(_time_at(self.lines.text, start), self.latest)

    def end_before(self, bound: bytes | None, end: int) -> int:
        """Return where the first line before `end` begins that is not before a time; `end` if none is."""
        if bound is None or self.latest < bound:
            return end
        if self.time_at(self.start) >= bound:
            return self.start
        return _end_before(self.lines.text, self.start, end, bound)

    def take(self, end: int) -> AppendedLines:
        """Return the lines up to `end`."""
        text = self.lines.text
        if self.start or end < len(text):
            text = text[self.start : end]
        taken = self.lines._replace(position=self.position, text=text)
        # What is missing is told once.
        self.lines = self.lines._replace(missing=MissingText())
        self.start = end
        return taken


@attrs.define(eq=False)
class _Part:
    """One store of a follower of several.

    pieces: lines that were read and not returned yet. returned_to: the end of the last returned line.
    planned: the end of the lines that may be returned next, as the number of their last piece and an offset
    in it. time: the TIME of the last of them. has_more: whether the store may have more lines.
    """

    number: int
    follower: Follower
    returned_to: Position
    pieces: deque[_Piece] = attrs.field(factory=deque)
    planned: tuple[int, int] = (0, 0)
    time: bytes = b""
    has_more: bool = True

    @property
    def position(self) -> Position:
        """The position of the next line."""
        return self.pieces[0].position if self.pieces else self.follower.position

    @property
    def first_time(self) -> bytes:
        """The TIME of the next line; "" if it has none: then it follows the line before it at once."""
        return self.pieces[0].time_at(self.pieces[0].start)

    def rank(self) -> tuple[bytes, int]:
        """Return the order of the next line among those of all stores."""
        return self.first_time, self.number

    @property
    def has_planned(self) -> bool:
        """True if there are lines that may be returned next."""
        return self.planned > (0, self.pieces[0].start if self.pieces else 0)

    def begin_plan(self, present: bytes) -> None:
        """Plan none of the lines yet. present: the time of day."""
        for piece in self.pieces:
            # A clock that was set back does not let these lines wait until it is as late again.
            piece.latest = min(piece.latest, present)
        self.planned = 0, self.pieces[0].start if self.pieces else 0
        self.time, self.has_more = b"", True

    def plan_more(self, size: int, most: int, until: Position | None, present: bytes) -> int:
        """Plan about `size` bytes more, at least a line; return their number: 0 if there are none now.

        most: bytes to read, if all lines that were read are planned. Raises StoreError.
        """
        self.has_more = False
        number, start = self.planned
        if number < len(self.pieces) and start >= len(self.pieces[number].lines.text):
            number, start = number + 1, 0
        if number == len(self.pieces):
            news = self.follower.read(most, until=until)
            if news is None:
                return 0
            self.pieces.append(_Piece(news, present))
        piece = self.pieces[number]
        text, end = piece.lines.text, piece.size_before(until)
        if start >= end:
            return 0
        if end - start > size:
            end = text.rfind(b"\n", start, start + size) + 1 or text.find(b"\n", start) + 1 or end
        self.planned = number, end
        # A line without a TIME is of that of the lines before it.
        self.time = piece.time_at(text.rfind(b"\n", start, end - 1) + 1) or self.time
        self.has_more = True
        return end - start

    def take_planned(self, bound: bytes | None) -> list[AppendedLines]:
        """Return the planned lines before a time, in as few texts as they can be in."""
        last, last_end = self.planned
        found: list[list[AppendedLines]] = []
        for number in range(last + 1):
            piece = self.pieces[0]
            end = piece.end_before(bound, last_end if number == last else len(piece.lines.text))
            if end > piece.start:
                news = piece.take(end)
                if found and _continues(found[-1][-1], news):
                    found[-1].append(news)
                else:
                    found.append([news])
            if end < len(piece.lines.text):
                break
            self.pieces.popleft()
        return [
            texts[0]._replace(text=b"".join([one.text for one in texts]))
            if len(texts) > 1
            else texts[0]
            for texts in found
        ]


def _continues(one: AppendedLines, after: AppendedLines) -> bool:
    """Return whether lines stand at the end of others, so that one text can have both."""
    return not after.has_gap and after.position == one.position.beside(len(one.text))


class StoresFollower:
    """A reader's place in all stores, which advances with each read.

    returned_to: the end of the line that was returned before the last text, in its store. is_holding:
    whether the last read returned nothing, though there are lines: earlier ones may still come.
    """

    lag = LAG

    def __init__(self, stores: WatchedStores, place: Place) -> None:
        self._stores = stores
        self._parts: dict[int, _Part] = {}
        # The positions in stores that cannot be opened yet.
        self._unread: dict[int, Position] = {}
        # The positions from which its readers have read the stores that came later.
        self._begins: dict[int, Position] = {}
        for number, position in positions_in(place).items():
            if number in stores.views:
                self._add_store(number, position)
            else:
                self._unread[number] = position
        self.returned_to = self._parts[0].returned_to
        self.is_holding = False

    def change_stores(self, changes: StoreChanges) -> None:
        """Follow new stores, too, and go on without those that were removed."""
        for number in changes.gone:
            self._begins.pop(number, None)
            self._unread.pop(number, None)
            if (part := self._parts.pop(number, None)) is not None:
                part.follower.close()
        for number, begin in changes.new.items():
            if number in self._unread:
                begin = self._stores.within_store(number, self._unread.pop(number))
            if number not in self._parts:
                self._begins[number] = begin
                self._add_store(number, begin)

    def adopt(self, other: StoresFollower) -> None:
        """Take over the readers of another follower, which is at the same place."""
        for number, begin in other._begins.items():
            self._begins[number] = min(begin, self._begins.get(number, begin))

    def _add_store(self, number: int, position: Position) -> None:
        follower = Follower(self._stores.views[number], position)
        self._parts[number] = _Part(number, follower, position)

    @property
    def is_of_several(self) -> bool:
        """True if it follows more than the main store."""
        return len(self._parts) > 1

    @property
    def positions_read(self) -> dict[int, Position]:
        """The position of the next line of each store that can be read."""
        return {number: part.position for number, part in self._parts.items()}

    @property
    def positions(self) -> dict[int, Position]:
        """The position of the next line of each store, by its number."""
        return {**self.positions_read, **self._unread}

    @property
    def position(self) -> Place:
        """The place of the next line."""
        return place_in(self.positions)

    @property
    def searched_to(self) -> Place:
        """The place of the end of all returned lines, before any that are missing."""
        found = {number: part.returned_to for number, part in self._parts.items()}
        return place_in({**found, **self._unread})

    @property
    def has_gap(self) -> bool:
        """True if lines are missing before the next line."""
        return self.searched_to != self.position

    def place_at(self, position: Position) -> Place:
        """Return the place of a reader who is at a line of one store, and in the others where this is."""
        return place_in({**self.positions, position.store: position})

    def has_reached(self, until: Place) -> bool:
        """Return whether all lines before a place were returned, in the stores that can be read."""
        return has_reached(Cursor(self.positions_read), until)

    def widened(self, place: Place) -> Place:
        """Return an earlier place of a reader with a position in each store that is followed now."""
        if not self.is_of_several and not self._unread and isinstance(place, Position):
            return place
        known = positions_in(place)
        begins = {**self._begins, **self._unread}
        return place_in(
            {
                number: known.get(number, begins.get(number, start_of_store(number)))
                for number in (*self._parts, *self._unread)
            }
        )

    def bounds(self, untils: Iterable[Place], ahead: Place | None) -> dict[int, Position | None]:
        """Return for each store the position at which the next lines have to end; None for no bound.

        untils: ends of readers; of a store that they do not know they have no line. ahead: the place of
        another reader.
        """
        found: dict[int, Position | None] = dict.fromkeys(self._parts)
        ends = [positions_in(until) for until in untils]
        before = {} if ahead is None else positions_in(ahead)
        for number, part in self._parts.items():
            those = [one.get(number, start_of_store(number)) for one in ends]
            if number in before:
                # It may be further back in another store.
                those.append(max(before[number], part.position))
            found[number] = min(those, default=None)
        return found

    def read(
        self,
        limit: int = LIMIT,
        bounds: Mapping[int, Position | None] | None = None,
        *,
        steps: Sequence[float] = (),
        holds: bool = True,
    ) -> Iterator[AppendedLines]:
        """Yield the next lines, about `limit` bytes; of each store at least one text. Raises StoreError.

        In one such read, texts of several stores come one after the other: only all of them together are
        before the lines of the next read. bounds: as `bounds` returns them. steps: the seconds of all steps
        in whose order the lines of several stores are. holds: whether earlier lines may still be stored.
        """
        until = bounds or {}
        self.is_holding = False
        parts = [*self._parts.values()]
        if not self.is_of_several and not parts[0].pieces:
            [part] = parts
            self.returned_to = part.returned_to
            news = part.follower.read(limit, until=until.get(0))
            if news is not None:
                # A read without lines may pass a gap, which is told with the next line.
                part.returned_to = part.follower.position
                yield news
            return
        now = self._stores.time_of_day()
        may_go_on = self._plan(limit, until, rfc3339(now).encode())
        planned = sorted((part for part in parts if part.has_planned), key=_Part.rank)
        bound = None
        if steps and planned:
            if may_go_on:
                # Where a clock was set back, the last line may be earlier than the first one.
                times = min(part.time for part in may_go_on), planned[0].first_time
                bound = _next_step(max(times), steps)
            if holds and len(may_go_on) < len(parts):
                sure = rfc3339(now - LAG).encode()
                bound = sure if bound is None else min(bound, sure)
        chosen = [part for part in planned if bound is None or part.first_time < bound]
        self.is_holding = len(chosen) == 0 < len(planned)
        for part in chosen:
            for news in part.take_planned(bound):
                self.returned_to = part.returned_to
                part.returned_to = news.position.beside(len(news.text))
                yield news

    def _plan(
        self, limit: int, until: Mapping[int, Position | None], present: bytes
    ) -> list[_Part]:
        """Plan the lines of the next read: of the store whose last planned line is the earliest first.

        Returns the stores that may have more lines; the others were read to their ends.
        """
        share = max(1, limit // (2 * len(self._parts)))
        planned = 0

        def plan_more(part: _Part) -> int:
            try:
                return part.plan_more(share, max(LEAST, share), until.get(part.number), present)
            except StoreError as error:
                if not part.number:
                    raise
                # It may be removed: then the next look leaves it. Others go on.
                self._stores.report_fault(part.number, str(error))
            return 0

        going_on: list[tuple[bytes, int]] = []
        for number, part in self._parts.items():
            part.begin_plan(present)
            planned += plan_more(part)
            if part.has_more:
                going_on.append((part.time, number))
        heapify(going_on)
        while going_on and planned < limit:
            part = self._parts[going_on[0][1]]
            planned += plan_more(part)
            if part.has_more:
                heapreplace(going_on, (part.time, part.number))
            else:
                heappop(going_on)
        return [self._parts[number] for _, number in going_on]

    def close(self) -> None:
        for part in self._parts.values():
            part.follower.close()


def _time_at(text: bytes, start: int) -> bytes:
    """Return the TIME of the line that begins there; "" if it has none."""
    time = text[start : start + SIZE]
    return time if digits_to_zeros(time) == SHAPE else b""


def _next_step(time: bytes, steps: Sequence[float]) -> bytes | None:
    """Return the TIME at which the first of the steps ends that `time` is in; None if it is no TIME."""
    try:
        moment = round(parse_rfc3339(time.decode()) * 1e6)
    except ValueError:
        return None
    sizes = {round(step * 1e6) for step in steps}
    return exact_rfc3339(min((moment // size + 1) * size for size in sizes)).encode()


def _end_before(text: bytes, start: int, end: int, bound: bytes) -> int:
    """Return where the first line begins whose TIME is not before `bound`; at least one line is.

    The lines are those up to `end`, which is returned if all of them are.

    Lines are in the order of their TIMEs, but where a clock was set back. There it is some line.
    """
    low, high = start, text.rfind(b"\n", start, end - 1) + 1
    if high <= start or _time_at(text, high) < bound:
        return end
    while True:
        middle = (low + high) // 2
        line = text.rfind(b"\n", low, middle) + 1
        if line <= low:
            line = text.find(b"\n", middle) + 1
        if line >= high:
            return high
        if _time_at(text, line) < bound:
            low = line
        else:
            high = line
