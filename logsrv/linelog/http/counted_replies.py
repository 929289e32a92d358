"""Replies of the API that count: tables of figures, bars, frequent values, patterns, fields, sources."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.search_request import (
    Reply,
    Values,
    json_line,
    make_search,
    question_of,
)
from logsrv.linelog.query.question import Cell
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
from logsrv.linelog.steps.zones import UTC

NONE = ""
"""The key of lines without the field, or with an empty value, in a bar."""
ByStep: TypeAlias = dict[Cell, Counter[str | None]]
SAMPLE = 5000
"""Lines in which fields are counted."""
MOST_STEPS = 2000
"""Steps of a table that are all told."""


def table(view: View, values: Values) -> Reply:
    """Yield figures by groups of lines. Raises Problem (400) for a query that has none."""
    question = question_of(values)
    answer = question.answer
    if not isinstance(answer, TableAnswer):
        raise Problem(400, "this query answers lines; figures are such as: … | count by app")
    most = values["limit"]
    # Rows that the query itself chooses are the first ones.
    is_whole = values["whole"] and not (question.row_stages or question.limit)
    search = make_search(view, values)
    answer = answer.for_reader(search, values.get("tz", UTC))
    figures = answer.rows(search, question.extractions, most if is_whole else None)
    figures = after_stages(figures, answer, question.row_stages)
    if values["format"] == "text":
        figures = answer.as_text(figures)
    rows = figures.rows if question.limit is None else figures.rows[: question.limit]
    rows = rows[max(0, len(rows) - most) :] if is_whole and answer.every else rows[:most]
    if values["format"] == "csv":
        yield csv_rows([figures.columns, *rows])
        return
    if values["format"] == "text":
        yield table_text(figures.columns, figures.units, rows)
        return
    steps: dict[str, Any] = {}
    if answer.every:
        steps["steps"] = steps_of_rows(answer.every, rows, values["since"], values["until"])
    said = figures._asdict()
    cut = said.pop("cut")
    yield json_line(
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


def histogram(view: View, values: Values) -> Reply:
    """Yield the numbers of lines over time; without limits of time, over the whole time of the store."""
    since, until = values["since"], values["until"]
    if not (since and until):
        oldest, newest = view.read_time_span()
        since, until = since or oldest, until or newest
    buckets: list[dict[str, Any]] = []
    by_value: dict[str, Any] = {}
    steps, start = Steps(1.0), 0
    if since and until and since <= until:
        first, last = parse_rfc3339(since), parse_rfc3339(until)
        steps, counts, by_step, missed = _count_buckets(view, values, first, last)
        if counts and (min(counts) < steps.start_of(first) or max(counts) > last):
            # Lines outside of the span: the times of a segment without index are approximate. Count again.
            first, last = min(first, *counts), max(last, steps.end_of(max(counts)))
            since, until = rfc3339(first), rfc3339(last)
            steps, counts, by_step, missed = _count_buckets(view, values, first, last)
        if values.get("by"):
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
    yield json_line(
        {
            "since": since or None,
            "until": until or None,
            "step": steps.seconds,
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


def _count_buckets(
    view: View, values: Values, first: float, last: float
) -> tuple[Steps, dict[float, TimeBucket], ByStep, int]:
    """Return steps for a span of time, and the buckets with lines by their start.

    Third, the numbers of the values of `by`, and by how much each of them may be too low.
    """
    # One bucket less: the span may begin and end inside a bucket, and then has one more.
    steps = sensible_steps(last - first, max(1, values["buckets"] - 1), values.get("tz", UTC))
    while values["buckets"] == 1 and steps.start_of(first) != steps.start_of(last):
        steps = longer(steps)
    search = make_search(view, values)
    by_step: ByStep = {}
    missed = 0
    if field := values.get("by"):
        found, by_step, missed = histogram_by(search, steps, field, question_of(values).extractions)
    else:
        found = lines_over_time(search, steps, levels=True)
    return steps, {bucket.start: bucket for bucket in found}, by_step, missed


def _most_frequent(
    field: str, by_step: ByStep
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


def top(view: View, values: Values) -> Reply:
    """Yield the most frequent values of a field."""
    extractions = question_of(values).extractions
    found = count_values(make_search(view, values), values["field"], extractions)
    most = [{"value": value, "count": count} for value, count in found.values[: values["limit"]]]
    sums = {"total": found.total, "missed": found.missed}
    yield json_line({"field": values["field"], **sums, "values": most})


def patterns(view: View, values: Values) -> Reply:
    """Yield the patterns of matching lines, as a stage of the query or the parameters want them.

    Raises Problem (400) if all would be new.
    """
    asked = question_of(values)
    answer = asked.answer if isinstance(asked.answer, PatternCounts) else PatternCounts()
    since, new_since = values["since"], values["new_since"] or answer.time_since()
    if since and new_since and since >= new_since:
        raise Problem(400, "since must be before new_since, or all patterns are new")
    answer = answer.replace(by=values.get("by") or answer.by)
    most = min(values["limit"], values["limit"] if asked.limit is None else asked.limit)
    yield json_line(answer.document(make_search(view, values), asked, new_since, most))


def fields(view: View, values: Values) -> Reply:
    """Yield the fields of the newest matching lines."""
    found, sampled = count_fields(
        make_search(view, values), SAMPLE, question_of(values).extractions
    )
    listed = [
        {"name": name, "lines": lines}
        for name, lines in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ]
    yield json_line({"fields": listed, "sampled": sampled})


def sources(view: View, values: Values) -> Reply:
    """Yield the sources, the one with most lines first."""
    found = count_sources(make_search(view, values))
    yield json_line({"sources": [one._asdict() for one in found]})
