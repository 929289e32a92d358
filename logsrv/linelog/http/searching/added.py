"""Numbers of several nodes.

Few lines are fetched, put together and counted here, each once. Of more, the numbers of the nodes are
added, which is said: a line that two nodes have counts twice then. Fields are those of the newest lines.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, TypeVar

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.http.nodes.answer import moment_of, time_of
from logsrv.linelog.http.nodes.body import NodeFailure
from logsrv.linelog.http.nodes.client import NodeQuestion
from logsrv.linelog.http.nodes.gather import AskedNode, NodeSearch
from logsrv.linelog.http.nodes.merge import text_of
from logsrv.linelog.http.nodes.spans import span_between
from logsrv.linelog.http.searching.replies import SAMPLE
from logsrv.linelog.read.counting.histogram import StepCounts, counted
from logsrv.linelog.read.counting.tallies import ValueCounts, fields_of
from logsrv.linelog.read.counting.values import counter
from logsrv.linelog.read.search import Hit

T = TypeVar("T")
FEW = 20_000
"""Lines of all nodes together that are fetched to count them."""
LARGEST = 1000
"""Values that each node is asked for: one that is rare in one of them may be frequent in all."""


class Asking:
    """Nodes that are asked for numbers. missing: those that failed, and why."""

    def __init__(self, nodes: list[AskedNode], seconds: float) -> None:
        self._nodes = nodes
        self._seconds = seconds
        self.missing: dict[str, str] = {}

    def search(
        self, values: Mapping[str, Any], *, reverse: bool = False, most: int | None = None
    ) -> NodeSearch:
        """Return a search in those that have not failed."""
        return NodeSearch(
            [node for node in self._nodes if node.name not in self.missing],
            NodeQuestion(values["q"], values["source"], reverse),
            span_between(values["since"], values["until"]),
            self.missing.__setitem__,
            now=time.time_ns() // 1000,
            most=most,
            longest=self._seconds,
        )

    def texts(self, values: Mapping[str, Any]) -> Iterator[bytes]:
        """Yield the lines of all, many at a time, each once."""
        yield from map(text_of, self.search(values).spans())

    def has_few(self, values: Mapping[str, Any]) -> bool:
        """Tell whether several have so few lines that they can be fetched."""
        asked = {name: values[name] for name in ("q", "since", "until", "source")}
        answers = self.of_each("histogram", {**asked, "buckets": 1}, _bars)
        lines = sum(one["lines"] for _, bars in answers.values() for one in bars.values())
        return len(answers) > 1 and lines <= FEW

    def of_each(
        self, endpoint: str, asked: Mapping[str, Any], read: Callable[[dict[str, Any]], T]
    ) -> dict[str, T]:
        """Return what `read` makes of the answers, by the names of the nodes.

        It may raise what a strange answer makes it raise.
        """

        def ask(node: AskedNode) -> T:
            found = node.numbers(endpoint, asked)
            try:
                return read(found)
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
                raise NodeFailure("it answers with something that are no such numbers") from None

        gathering = self.search(asked)
        return {
            gathering.nodes[number].name: found for number, found in gathering.of_each(ask).items()
        }

    def said(self, answers: int, *, added: bool) -> dict[str, Any]:
        """Return what an answer says beside its numbers."""
        missing = [{"node": name, "error": why} for name, why in self.missing.items()]
        return {"added": added and answers > 1, "missing": missing}


def histogram(asking: Asking, values: dict[str, Any]) -> dict[str, Any]:
    """Return numbers of lines over time, by level."""
    asked = dict(values)
    if not (asked["since"] and asked["until"]):
        oldest, newest = asking.search(asked).times()
        asked["since"] = asked["since"] or oldest
        # A span of time is without its end.
        asked["until"] = asked["until"] or (newest and time_of(moment_of(newest) + 1))
    nothing = {"since": asked["since"] or None, "until": asked["until"] or None, "step": 1.0}
    if not (asked["since"] and asked["until"]) or asked["since"] > asked["until"]:
        return {**nothing, "buckets": [], **asking.said(0, added=False)}
    answers = asking.of_each("histogram", asked, _bars)
    # All cut the same span in the same way, unless one is of another version, or says anything.
    steps = Counter(step for step, _ in answers.values()).most_common(1)
    step = steps[0][0] if steps else 1.0
    bars: dict[str, Counter[str]] = {}
    for name, (its_step, found) in answers.items():
        if its_step != step:
            asking.missing[name] = "it counts in other steps of time; its lines are missing"
            continue
        for start, counts in found.items():
            bars.setdefault(start, Counter()).update(counts)
    few = len(answers) > 1 and sum(counts["lines"] for counts in bars.values()) <= FEW
    if few:
        exact = _counted(asking, asked, step)
        bars = {start: exact.get(start, Counter()) for start in bars}
    buckets = [
        {
            "time": start,
            "count": counts["lines"],
            "levels": {level: counts[level] for level in counts if level != "lines"},
        }
        for start, counts in sorted(bars.items())
    ]
    told = asking.said(len(answers), added=not few)
    return {**nothing, "step": step, "buckets": buckets, **told}


def _bars(found: dict[str, Any]) -> tuple[float, dict[str, Counter[str]]]:
    bars = {}
    for one in found["buckets"]:
        levels = {name: _count(number) for name, number in one["levels"].items()}
        bars[time_of(moment_of(one["time"]))] = Counter({"lines": _count(one["count"]), **levels})
    step = float(found["step"])
    if not 0 < step < inf:
        raise ValueError(step)
    return step, bars


def _counted(asking: Asking, asked: dict[str, Any], step: float) -> dict[str, Counter[str]]:
    """Return the numbers of lines, which are fetched, by steps of time."""
    found = StepCounts(step)
    for text in asking.texts(asked):
        found.add(counted([text], step, levels=True))
    return {rfc3339(start): counts for start, counts in found.by_start.items()}


def top(asking: Asking, values: dict[str, Any]) -> dict[str, Any]:
    """Return the most frequent values of a field."""
    field, tally = values["field"], ValueCounts()
    few = field != "position" and asking.has_few(values)
    if few:
        count = counter(field)
        for total, counts in map(count, asking.texts(values)):
            tally.add(counts, total)
        told = asking.said(0, added=False)
    else:
        answers = asking.of_each("top", {**values, "limit": LARGEST}, _values)
        for total, counts in answers.values():
            tally.add(counts, total)
        told = asking.said(len(answers), added=True)
    common = [
        {"value": value, "count": count} for value, count in tally.most_common(values["limit"])
    ]
    return {"field": field, "total": tally.total, "values": common, **told}


def _values(found: dict[str, Any]) -> tuple[int, Counter[str]]:
    counts = {_text(one["value"]): _count(one["count"]) for one in found["values"]}
    return _count(found["total"]), Counter(counts)


def fields(asking: Asking, values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the newest lines."""
    gathering = asking.search(values, reverse=True, most=SAMPLE)
    lines = (line for lines in gathering.spans() for line in lines)
    hits = (Hit(next(iter(line.places.values())), line.line) for line in lines)
    counts, sampled = fields_of(hits, SAMPLE)
    listed = [
        {"name": name, "lines": number}
        for name, number in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]
    return {"fields": listed, "sampled": sampled, **asking.said(0, added=False)}


def sources(asking: Asking, values: dict[str, Any]) -> dict[str, Any]:
    """Return the sources of lines, those with most lines first."""
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    answers = asking.of_each("sources", values, _sources)
    for found in answers.values():
        for source, (lines, time_) in found.items():
            counts[source] += lines
            last[source] = max(last.get(source, ""), time_)
    listed = [
        {"source": source, "lines": lines, "last": last[source] or None}
        for source, lines in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]
    return {"sources": listed, **asking.said(len(answers), added=True)}


def _sources(found: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {
        _text(one["source"]): (_count(one["lines"]), _text(one["last"] or ""))
        for one in found["sources"]
    }


def _count(number: Any) -> int:
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(number)
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


ADDED: dict[str, Callable[[Asking, dict[str, Any]], dict[str, Any]]] = {
    one.__name__: one for one in (histogram, top, fields, sources)
}
