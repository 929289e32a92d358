"""Replies of the API that count: tables of figures, bars, frequent values, patterns, fields, sources."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.search_request import (
    Reply,
    json_line,
    make_search,
    question_of,
)
from logsrv.linelog.query.question import Cell, Question
from logsrv.linelog.read.answer_kinds import TableAnswer, after_stages
from logsrv.linelog.read.figures.groups import MOST_VALUES, count_values
from logsrv.linelog.read.figures.tallies import count_fields, count_sources
from logsrv.linelog.read.figures.time_buckets import TimeBucket, histogram_by
from logsrv.linelog.read.figures.time_buckets import histogram as lines_over_time
from logsrv.linelog.read.render import csv_rows
from logsrv.linelog.read.tables.text_table import table_text
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.patterns import PatternCounts
from logsrv.linelog.steps.step_words import longer, sensible_steps
from logsrv.linelog.steps.steps import Steps

if TYPE_CHECKING:
    from logsrv.linelog.http.searching.search_order import (
        HistogramValues,
        PatternValues,
        ScopeValues,
        TableValues,
        TopValues,
    )
    from logsrv.linelog.read.figures.group_table import Rows

NONE = ""
"""The key of lines without the field, or with an empty value, in a bar."""
Bars: TypeAlias = tuple[list[TimeBucket], dict[Cell, Counter[str | None]], int]
"""The buckets with lines, the numbers of values by step, and by how much each of them may be too low."""
SAMPLE = 5000
"""Lines in which fields are counted."""
MOST_STEPS = 2000
"""Steps of a table that are all told."""


def table(view: View, values: TableValues) -> Reply:
    """Yield figures by groups of lines. Raises Problem (400) for a query that has none."""
    question = question_of(values)
    answer = question.answer
    if not isinstance(answer, TableAnswer):
        raise Problem(
            400, "this query finds lines; a query for figures is for example: … | count by app"
        )
    most = values["limit"]
    # Rows that the query itself chooses are the first ones.
    is_whole = values["whole"] and not (question.row_stages or question.limit)
    search = make_search(view, values)
    answer = answer.for_reader(search, values["tz"])

    def document(figures: Rows) -> bytes:
        return _table_document(values, question, answer, figures, is_whole=is_whole)

    if view.progress is not None:
        view.progress.answer_of = document
    yield document(answer.rows(search, question.extractions, most if is_whole else None))


def _table_document(
    values: TableValues, question: Question, answer: TableAnswer, figures: Rows, *, is_whole: bool
) -> bytes:
    """Return a table in the format of the request. is_whole: whether rows were chosen by their groups."""
    most = values["limit"]
    figures = after_stages(figures, answer, question.row_stages)
    if values["format"] == "text":
        figures = answer.as_text(figures)
    rows = figures.rows if question.limit is None else figures.rows[: question.limit]
    rows = rows[max(0, len(rows) - most) :] if is_whole and answer.every else rows[:most]
    if values["format"] == "csv":
        return csv_rows([figures.columns, *rows])
    if values["format"] == "text":
        return table_text(figures.columns, figures.units, rows)
    steps: dict[str, Any] = {}
    if answer.every:
        steps["steps"] = steps_of_rows(answer.every, rows, values["since"], values["until"])
    said = figures._asdict()
    cut = said.pop("cut")
    return json_line(
        {
            **said,
            "rows": rows,
            "at_least": figures.at_least,
            "compare": figures.compare and figures.compare._asdict(),
            "groups": len(figures.rows) + cut,
            **({"cut": cut} if cut else {}),
            "by": list(answer.by),
            "every": answer.every and answer.every.seconds,
            **steps,
            "since": values["since"] or None,
            "until": values["until"] or None,
        }
    )


def histogram(view: View, values: HistogramValues) -> Reply:
    """Yield the numbers of lines over time; without limits of time, over the whole time of the store."""
    since, until = values["since"], values["until"]
    if not (since and until):
        oldest, newest = view.read_time_span()
        since, until = since or oldest, until or newest
    if not (since and until and since <= until):
        yield _bars_document(values, since, until, None, ([], {}, 0))
        return
    first, last = parse_rfc3339(since), parse_rfc3339(until)
    steps = _bar_steps(values, first, last)
    found = _count_bars(view, values, steps, partial(_bars_document, values, since, until, steps))
    starts = [one.start for one in found[0]]
    if starts and (min(starts) < steps.start_of(first) or max(starts) > last):
        # Lines outside of the span: the times of a segment without index are approximate. Count again.
        first, last = min(first, *starts), max(last, steps.end_of(max(starts)))
        since, until = rfc3339(first), rfc3339(last)
        steps = _bar_steps(values, first, last)
        document = partial(_bars_document, values, since, until, steps)
        found = _count_bars(view, values, steps, document)
    yield _bars_document(values, since, until, steps, found)


def _bars_document(
    values: HistogramValues, since: str, until: str, steps: Steps | None, found: Bars
) -> bytes:
    """Return a histogram as JSON. steps: None for an empty span of time."""
    counted, by_step, missed = found
    counts = {one.start: one for one in counted}
    buckets: list[dict[str, Any]] = []
    by_value: dict[str, Any] = {}
    start = 0
    if steps is not None:
        first, last = parse_rfc3339(since), parse_rfc3339(until)
        if values["by"]:
            by_value, parts = _most_frequent(values["by"], by_step)
            by_value |= {"missed": missed} if missed else {}
        start, _ = steps.bounds_of(round(first * 1e6))
        while start < last * 1e6 or (start == last * 1e6 and not values["until"]):
            bucket = counts.get(start / 1e6)
            buckets.append(
                {
                    "time": exact_rfc3339(start),
                    "count": bucket.lines if bucket else 0,
                    "levels": bucket.levels if bucket else {},
                    **({"values": parts.get(start / 1e6, {})} if by_value else {}),
                }
            )
            _, start = steps.bounds_of(start)
    return json_line(
        {
            "since": since or None,
            "until": until or None,
            "step": (steps or Steps(1.0)).seconds,
            "end": exact_rfc3339(start) if buckets else None,
            **by_value,
            "buckets": buckets,
        }
    )


def steps_of_rows(
    steps: Steps, rows: Sequence[Sequence[Cell]], since: str, until: str
) -> list[tuple[str, str]]:
    """Return starts and ends of the steps of a table's time, also of those without rows.

    Of too many there are those with rows, and the ones beside them, where a gap begins and ends.
    """
    starts = sorted({round(parse_rfc3339(row[0]) * 1e6) for row in rows if isinstance(row[0], str)})
    if not starts:
        return []
    begin, end = starts[0], starts[-1]
    if since:
        begin, end = min(begin, round(parse_rfc3339(since) * 1e6)), round(time.time() * 1e6)
    if until:
        end = round(parse_rfc3339(until) * 1e6)
    # Lines may be dated after now.
    end = max(end, starts[-1] + 1)
    found: list[tuple[int, int]] = []
    step = steps.bounds_of(begin)
    while step[0] < end and len(found) <= MOST_STEPS:
        found.append(step)
        step = steps.bounds_of(step[1])
    if len(found) > MOST_STEPS:
        ends = {steps.bounds_of(begin), steps.bounds_of(end - 1)}
        beside = {
            steps.bounds_of(one) for at in starts for one in (at - 1, at, steps.bounds_of(at)[1])
        }
        found = sorted(one for one in ends | beside if begin < one[1] and one[0] < end)
    return [(exact_rfc3339(start), exact_rfc3339(end)) for start, end in found]


def _bar_steps(values: HistogramValues, first: float, last: float) -> Steps:
    """Return the steps for a span of time."""
    # One bucket less: the span may begin and end inside a bucket, and then has one more.
    steps = sensible_steps(last - first, max(1, values["buckets"] - 1), values["tz"])
    while values["buckets"] == 1 and steps.start_of(first) != steps.start_of(last):
        steps = longer(steps)
    return steps


def _count_bars(
    view: View, values: HistogramValues, steps: Steps, document: Callable[[Bars], bytes]
) -> Bars:
    """Count the lines of each step, and the values of `by`. document: makes an answer of those so far."""
    search, field = make_search(view, values), values["by"]
    if view.progress is not None:
        view.progress.answer_of = lambda found: document(found if field else (found, {}, 0))
    if field:
        return histogram_by(search, steps, field, question_of(values).extractions)
    return lines_over_time(search, steps, levels=True), {}, 0


def _most_frequent(
    field: str, by_step: dict[Cell, Counter[str | None]]
) -> tuple[dict[str, Any], dict[object, dict[str, int]]]:
    """Return what a histogram says of its field, and by the start of each step the numbers by value.

    The most frequent MOST_VALUES are counted, and lines without the field as NONE.
    """
    totals: Counter[str | None] = Counter()
    for counts in by_step.values():
        totals.update(counts)
    known = sorted((-lines, value) for value, lines in totals.items() if value)
    names = [value for _, value in known[:MOST_VALUES]]
    if field == STATUS_CLASS:
        names.sort()
    parts: dict[object, dict[str, int]] = {}
    for start, counts in by_step.items():
        part = parts[start] = {name: counts[name] for name in names if name in counts}
        if without := counts[None] + counts[NONE]:
            part[NONE] = without
    return {"by": field, "values": names}, parts


def top(view: View, values: TopValues) -> Reply:
    """Yield the most frequent values of a field."""
    extractions = question_of(values).extractions
    found = count_values(make_search(view, values), values["field"], extractions)
    most = [{"value": value, "count": count} for value, count in found.values[: values["limit"]]]
    sums = {"total": found.total, "missed": found.missed}
    yield json_line({"field": values["field"], **sums, "values": most})


def patterns(view: View, values: PatternValues) -> Reply:
    """Yield the patterns of matching lines, as a stage of the query or the parameters want them.

    Raises Problem (400) if all would be new.
    """
    asked = question_of(values)
    answer = asked.answer if isinstance(asked.answer, PatternCounts) else PatternCounts()
    since, new_since = values["since"], values["new_since"] or answer.time_since()
    if since and new_since and since >= new_since:
        raise Problem(400, "since must be before new_since, otherwise all patterns are new")
    answer = answer.replace(by=values["by"] or answer.by)
    most = min(values["limit"], values["limit"] if asked.limit is None else asked.limit)
    yield json_line(answer.document(make_search(view, values), asked, new_since, most))


def fields(view: View, values: ScopeValues) -> Reply:
    """Yield the fields of the newest matching lines."""
    found, sampled = count_fields(
        make_search(view, values), SAMPLE, question_of(values).extractions
    )
    listed = [
        {"name": name, "lines": lines}
        for name, lines in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ]
    yield json_line({"fields": listed, "sampled": sampled})


def sources(view: View, values: ScopeValues) -> Reply:
    """Yield the sources, the one with most lines first."""
    found = count_sources(make_search(view, values))
    yield json_line({"sources": [one._asdict() for one in found]})
