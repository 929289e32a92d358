"""The episodes of an alert with a condition: which of them have to be reported, and when.

Each episode is reported when it begins, again every `--alert-every` while the condition is true, and when
it is over; then it is forgotten. The episodes of a group are reported one after the other: a message has at
most one step of each group, its begin or its end, and the next one waits until this one has arrived. So a
receiver sees begin, end, begin, end …, and a message that comes twice repeats only the newest step. There
is no clock here: the caller gives the time of day.

`find_past_episodes` finds those that the lines of a store would have made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, closing
from heapq import merge
from typing import Any, NamedTuple

import attrs

from logsrv.cores import cores
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.condition import Values
from logsrv.linelog.alerts.condition_counter import CountedGroup
from logsrv.linelog.alerts.grammar import AlertQuery
from logsrv.linelog.alerts.windows import REMEMBERED, Change, Key, Windows
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.read.figures.aggregate import add_up, loaded_parts, sources_for
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View

GATHER = 10.0
"""Seconds between a message and the next one, so that one tells of many groups. What had to wait for
a message of its own group does not wait for more.
"""
MOST_ENDED = 2000
"""Episodes that are over and wait for messages. Further ones are dropped at their end, and counted."""
MOST_IN_MESSAGE = 1000


@attrs.frozen
class Episode:
    """The time for which a group fulfils the condition, as a message tells it.

    begun, ended: seconds since 1970; ended: None in a message about the begin. values: the figures, in the
    order of `Condition.shown`.
    """

    key: Key
    begun: float
    values: Values = ()
    ended: float | None = None

    def ended_at(self, moment: float, values: Values) -> Episode:
        """Return the episode with its end; after a clock was set back, that is its begin at least."""
        return attrs.evolve(self, ended=max(moment, self.begun), values=values)


@attrs.frozen
class SilencedGroups:
    """Firing groups that no message tells of now: `count` of `firing`, until `until` at the latest."""

    count: int
    firing: int
    until: float


@attrs.frozen
class EpisodeMessage:
    """A message about episodes, made at `time`, in seconds since 1970.

    gap: whether lines were removed unsearched. left_out: whether there are more groups than are kept.
    is_removed: whether the episodes end because the alert was removed, or has another query. dropped: how
    many episodes were dropped since the last message. silenced: of the alert's groups; None for none.
    """

    episodes: tuple[Episode, ...]
    time: float
    gap: bool = False
    left_out: bool = False
    is_removed: bool = False
    dropped: int = 0
    silenced: SilencedGroups | None = None

    @property
    def count(self) -> int:
        return len(self.episodes)

    @property
    def state(self) -> str:
        """`firing` if an episode goes on."""
        return "resolved" if all(one.ended is not None for one in self.episodes) else "firing"


@attrs.define(eq=False)
class _Waiting:
    """An episode whose end is not reported yet, in the order of the saved state.

    values, end_values: the figures at its begin and at its end. is_reported: whether a message about its
    begin has arrived. is_tried: whether one may have arrived. in_silence: whether it began in a silence.
    """

    key: Key
    begun: float
    values: Values
    ended: float | None = None
    is_reported: bool = False
    end_values: Values = ()
    is_tried: bool = False
    in_silence: bool = False

    @property
    def steps(self) -> int:
        """The number of its messages that can be sent: of its begin, of its end."""
        return (not self.is_reported) + (self.ended is not None)

    @property
    def begin(self) -> Episode:
        return Episode(self.key, self.begun, self.values)

    @property
    def next_step(self) -> Episode:
        if not self.is_reported or self.ended is None:
            return self.begin
        return self.begin.ended_at(self.ended, self.end_values)


class Episodes:
    """The episodes that go on, or whose end is not reported yet.

    sent_at: when the last message has arrived; repeat_at: when episodes that go on are reported again.
    gap: whether lines were removed unsearched. dropped: how many episodes nobody hears of.
    """

    def __init__(self) -> None:
        # The episodes of each group, the oldest first; only the last may go on.
        self._by_key: dict[Key, deque[_Waiting]] = {}
        self._ended = 0
        self._has_more = False
        self.sent_at, self.repeat_at = -GATHER, 0.0
        self.gap, self.dropped = False, 0

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    @property
    def keys(self) -> list[Key]:
        """The groups whose episodes go on, or wait for messages."""
        return list(self._by_key)

    @property
    def going_on(self) -> list[Key]:
        """The groups whose episodes go on."""
        return [key for key, those in self._by_key.items() if those[-1].ended is None]

    def add_change(self, change: Change, *, silenced: bool) -> bool:
        """Begin or end an episode; return False if it is dropped, because too many wait.

        An episode that begins and ends in silences is forgotten, unless a message may have told of it.
        """
        key = change.key
        if change.begins:
            added = _Waiting(key, change.time, change.values, in_silence=silenced)
            self._by_key.setdefault(key, deque()).append(added)
            return True
        known = self._by_key.get(key)
        if not known or known[-1].ended is not None:
            return True
        one = known[-1]
        can_drop = not (one.is_reported or one.is_tried)
        is_silent = can_drop and silenced and one.in_silence
        if is_silent or (can_drop and self._ended >= MOST_ENDED):
            known.pop()
            if not known:
                del self._by_key[key]
            self.dropped += not is_silent
            return is_silent
        one.ended = one.begin.ended_at(change.time, ()).ended
        one.end_values = change.values
        self._ended += 1
        return True

    def due(
        self,
        now: float,
        values: Mapping[Key, Values],
        true_now: Collection[Key],
        *,
        with_ends: bool,
        at_once: bool,
        silent: Container[Key] = (),
    ) -> tuple[Episode, ...]:
        """Return the episodes to report now; from then on a message may have told of them.

        values: the present figures that fulfil the condition. true_now: the groups that fulfil it now, or
        did shortly before. with_ends: whether to report ends. at_once: whether the process is about to end.
        silent: the groups that are silenced: their episodes wait.
        """
        if not with_ends:
            self._forget_reported_ends()
        told = {key: those for key, those in self._by_key.items() if key not in silent}
        new = [those[0] for those in told.values() if those[0].steps]
        chosen: Sequence[_Waiting] = ()
        if new:
            is_held = self.sent_at <= now < self.sent_at + GATHER
            if at_once or self._has_more or not is_held:
                # A receiver that is away gets no new episodes before the old ones: these can be dropped.
                chosen = sorted(new, key=lambda one: not one.is_tried)[:MOST_IN_MESSAGE]
                self._has_more = len(new) > len(chosen) or any(
                    one.steps > 1 or len(self._by_key[one.key]) > 1 for one in chosen
                )
        elif not at_once and not self.sent_at <= now < self.repeat_at:
            chosen = [those[0] for key, those in told.items() if key in true_now]
        for one in chosen:
            one.is_tried = True
            if one.ended is None:
                one.values = values.get(one.key, one.values)
        return tuple(one.next_step for one in chosen)

    def _forget_reported_ends(self) -> None:
        for those in list(self._by_key.values()):
            if those[0].is_reported and those[0].ended is not None:
                self._forget_first(those)

    def _forget_first(self, those: deque[_Waiting]) -> None:
        """Forget an episode that is over."""
        first = those.popleft()
        self._ended -= 1
        if not those:
            del self._by_key[first.key]

    def mark_reported(self, message: EpisodeMessage, now: float, every: float) -> None:
        """Note that a message has arrived. every: seconds until episodes are reported again."""
        for one in message.episodes:
            those = self._by_key.get(one.key)
            if those is None:
                # It was forgotten meanwhile.
                continue
            if one.ended is None:
                those[0].is_reported = True
            else:
                self._forget_first(those)
        self.gap = self.gap and not message.gap
        self.dropped -= message.dropped
        self.sent_at, self.repeat_at = now, now + every

    def forget_all(self) -> None:
        """Forget all episodes, which no receiver takes."""
        self._by_key.clear()
        self._ended = 0

    def forget_groups(self, keys: Set[Key]) -> None:
        """Forget the episodes of some groups; a message that is under way may still tell of them."""
        self._by_key = {key: those for key, those in self._by_key.items() if key not in keys}
        self._ended = sum(one.ended is not None for one in self._all())

    def set_clock(self, seconds: float) -> None:
        """Let nobody wait longer or shorter, because the clock was set by so many seconds."""
        self.sent_at, self.repeat_at = self.sent_at + seconds, self.repeat_at + seconds

    def to_document(self) -> dict[str, Any]:
        """Return the episodes as JSON can represent them."""
        return {
            "sent": self.sent_at,
            "repeat": self.repeat_at,
            "gap": self.gap,
            "dropped": self.dropped,
            "episodes": [attrs.astuple(one) for one in self._all()],
        }

    def _all(self) -> Iterator[_Waiting]:
        for those in self._by_key.values():
            yield from those

    def restore(self, document: Mapping[str, Any]) -> None:
        """Continue with what `to_document` has returned."""
        self.sent_at, self.repeat_at = document["sent"], document["repeat"]
        self.gap, self.dropped = document.get("gap", False), document.get("dropped", 0)
        for key, *others in document["episodes"]:
            one = _Waiting(tuple(key), *others)
            one.values, one.end_values = tuple(one.values), tuple(one.end_values)
            self._by_key.setdefault(one.key, deque()).append(one)
            self._ended += one.ended is not None


def _count_past_lines(
    view: View, matcher: Matcher, scope: Scope, windows: Windows, processes: int
) -> None:
    """Count the lines of all stores in the order of their steps, as the windows need them."""
    if not view.names:
        with closing(Search(view, matcher, scope, processes=processes)) as search:
            add_up(search, windows)
        return
    views = view.by_store
    most = processes // len(views) or 1 if processes else max(2, cores() // len(views))
    with ExitStack() as stack:
        searches = [
            stack.enter_context(closing(Search(one, matcher, scope, processes=most)))
            for one in views.values()
        ]
        groups = [_groups_found(one, windows) for one in searches]
        windows.add_groups(merge(*groups, key=_begin_of_step))


def _begin_of_step(group: CountedGroup) -> float:
    begin = group[0][0]
    assert isinstance(begin, float)
    return begin


def _groups_found(search: Search, windows: Windows) -> Iterator[CountedGroup]:
    """Yield the groups of the lines of one store, in the order of its lines."""
    sources, _ = sources_for(search, windows, windows.merge)
    for _, parts in search.ask(sources):
        for part in loaded_parts(parts):
            yield from windows.groups_of(part)


class PastEpisodes(NamedTuple):
    """Episodes that began in a time, in order. left_out: whether there are more groups than are kept."""

    episodes: list[Episode]
    left_out: bool


def find_past_episodes(
    view: View, asked: AlertQuery, since: float, until: float, *, processes: int = 0
) -> PastEpisodes:
    """Return the episodes of a condition that began from `since` to `until`, in seconds since 1970.

    Lines before `since` are read, too: those of a window, or of a day for absence by groups. processes: as
    of a Search.
    """
    condition = asked.condition
    assert condition is not None
    known_by_lines = condition.is_absence and condition.by
    before = max(condition.window, REMEMBERED if known_by_lines else 0.0)
    # Before the store's first line, its silence means nothing.
    oldest, _ = view.read_time_span()
    begin = max(since - before, parse_rfc3339(oldest) if oldest else until)
    windows = Windows(condition, begin, extractions=asked.lines.extractions)
    scope = Scope(since=rfc3339(since - before), until=rfc3339(until))
    _count_past_lines(view, make_matcher(asked.lines.node), scope, windows, processes)
    windows.advance(until)
    begun: dict[Key, Episode] = {}
    found = []
    for change in windows.take_changes():
        if change.begins:
            begun[change.key] = Episode(change.key, change.time, change.values)
        elif (first := begun.pop(change.key, None)) is not None:
            found.append(first.ended_at(change.time, first.values))
    found += begun.values()
    found.sort(key=lambda one: (one.begun, str(one.key)))
    return PastEpisodes([one for one in found if one.begun >= since], windows.left_out)
