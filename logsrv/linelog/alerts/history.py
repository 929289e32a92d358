"""The past of a condition: the episodes that the lines of a store would have made."""

from __future__ import annotations

from typing import NamedTuple

from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.episodes import Episode
from logsrv.linelog.alerts.windows import REMEMBERED, Change, Key, Windows
from logsrv.linelog.query.language.condition import AlertQuery
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.counting.groups import count_groups
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View


class PastEpisodes(NamedTuple):
    """Episodes that began in a time, in order. left_out: whether there are more groups than are kept."""

    episodes: list[Episode]
    left_out: bool


def find_past_episodes(view: View, asked: AlertQuery, since: float, until: float) -> PastEpisodes:
    """Return the episodes of a condition that began from `since` to `until`, in seconds since 1970.

    Lines before `since` are read, too: those of a window, or of a day for absence by groups.
    """
    condition = asked.condition
    assert condition is not None
    known_by_lines = condition.is_absence and condition.by
    before = max(condition.window, REMEMBERED if known_by_lines else 0.0)
    # Before the store's first line, its silence means nothing.
    oldest, _ = view.read_time_span()
    begin = max(since - before, parse_rfc3339(oldest) if oldest else until)
    windows = Windows(condition, begin)
    scope = Scope(since=rfc3339(since - before), until=rfc3339(until))
    search = Search(view, make_matcher(asked.lines.node), scope)
    changes: list[Change] = []
    for counted in count_groups(search, windows.grouping, asked.lines.extractions):
        windows.add(counted)
        changes += windows.take_changes()
    windows.advance(until)
    changes += windows.take_changes()
    begun: dict[Key, Episode] = {}
    found = []
    for change in changes:
        if change.begins:
            begun[change.key] = Episode(change.key, change.time, change.value)
        elif (first := begun.pop(change.key, None)) is not None:
            found.append(first.ended_at(change.time, first.value))
    found += begun.values()
    found.sort(key=lambda one: (one.begun, str(one.key)))
    return PastEpisodes([one for one in found if one.begun >= since], windows.left_out)
