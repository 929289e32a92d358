"""When the text of an alert would have fired: the answer of the API, made in a searching process.

For an alert about each line it counts the lines, and the messages that would have told of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, TypedDict

from logsrv.cores import cores
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.alerts.episodes import Episode, find_past_episodes
from logsrv.linelog.alerts.grammar import AlertQuery, parse_alert
from logsrv.linelog.alerts.message import group_of, values_in_words
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.read.figures.aggregate import add_up
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.render import safe_json
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.steps.steps import Steps

MOST_EPISODES = 100
MOST_STEPS = 50_000
"""Steps of time in which lines are counted; one takes a second at least."""
# Other searches of readers have as many.
_PROCESSES = min(2, cores())


class TriedAlert(TypedDict):
    """The values of a request.

    alert: the text of one. since, until: RFC 3339. every: seconds between messages.
    """

    alert: str
    since: str
    until: str
    every: float


def would_fire(view: View, values: TriedAlert) -> Iterator[bytes]:
    """Yield the answer."""
    asked = parse_alert(values["alert"])
    since, until = parse_rfc3339(values["since"]), parse_rfc3339(values["until"])
    about = {"since": values["since"], "until": values["until"]}
    if asked.condition is None:
        found = _count_lines(view, asked, since, until, values["every"])
    else:
        found = _episodes(view, asked, asked.condition, since, until)
    yield safe_json(found | about).encode() + b"\n"


def _episodes(
    view: View, asked: AlertQuery, condition: Condition, since: float, until: float
) -> dict[str, Any]:
    found = find_past_episodes(view, asked, since, until, processes=_PROCESSES)
    return {
        "condition": True,
        "episodes": [_document(condition, one) for one in found.episodes[-MOST_EPISODES:]],
        "total": len(found.episodes),
        "left_out": found.left_out,
    }


def _document(condition: Condition, episode: Episode) -> dict[str, Any]:
    return {
        "group": group_of(condition, episode.key),
        "begin": rfc3339(episode.begun),
        "end": None if episode.ended is None else rfc3339(episode.ended),
        "figures": values_in_words(condition, episode.values),
    }


def _count_lines(
    view: View, asked: AlertQuery, since: float, until: float, every: float
) -> dict[str, Any]:
    step = max(1.0, (until - since) // MOST_STEPS + 1)
    counted = Groups(
        Grouping((COUNT,), (), Steps(step)), asked.lines.extractions, most=2 * MOST_STEPS
    )
    scope = Scope(since=rfc3339(since), until=rfc3339(until))
    matcher = make_matcher(asked.lines.node)
    with closing(Search(view, matcher, scope, processes=_PROCESSES)) as search:
        add_up(search, counted)
    times = sorted(start for (start,), _ in counted.counts() if isinstance(start, float))
    return {
        "condition": False,
        "episodes": [],
        "total": 0,
        "lines": counted.lines,
        "messages": number_of_messages(times, every),
    }


def number_of_messages(times: Iterable[float], every: float) -> int:
    """Return how many messages tell of lines at these times, which are sorted, by the rules of `tally`.

    The first line is told at once, those of the next `every` seconds together at their end.
    """
    number, due, waits = 0, 0.0, False
    for time in times:
        if waits and time >= due:
            number += 1
            due += every
            waits = False
        if time >= due:
            number += 1
            due = time + every
        else:
            waits = True
    return number + waits
