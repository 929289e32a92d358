"""Answers in columns: tables of figures, lines in order of a number, bars by a field's values, patterns.

It loads NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from logsrv.linelog.fields.servers import STATUS_CLASS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.search_request import (
    Values,
    document_maker,
    json_line,
    make_search,
    question_of,
)
from logsrv.linelog.query.question import Figure, Grouping, Sorting
from logsrv.linelog.read.csv_lines import csv_rows
from logsrv.linelog.read.groups import MOST_VALUES, counts_by_value, group
from logsrv.linelog.read.patterns.find import find_patterns
from logsrv.linelog.read.patterns.pattern_query import pattern_document
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.sorted_lines import MOST, sort_lines
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View

NONE = ""
"""The key of lines without the field, or with an empty value, in a bar."""


def table(view: View, values: Values) -> Iterator[bytes]:
    """Yield figures by groups of lines. Raises Problem (400) for a query that has none."""
    question = question_of(values)
    grouping = question.answer
    if not isinstance(grouping, Grouping):
        raise Problem(400, "this query answers lines; figures are such as: … | count by app")
    found = group(make_search(view, values), grouping, question.extractions)
    most = values["limit"] if question.limit is None else min(values["limit"], question.limit)
    rows = found.rows[:most]
    if values["format"] == "csv":
        yield csv_rows([found.columns, *rows])
        return
    yield json_line(
        {
            **found._asdict(),
            "rows": rows,
            "groups": len(found.rows),
            "by": list(grouping.by),
            "every": grouping.every,
        }
    )


def sorted_lines(
    view: View, values: Values, head: bytes, render: Callable[[Hit], bytes]
) -> Iterator[bytes]:
    """Yield the lines with the largest or smallest numbers in a field, after `head`.

    render: makes a line, unless it is JSON: then it also has its `number`. Raises Problem (400).
    """
    question = question_of(values)
    sorting = question.answer
    assert isinstance(sorting, Sorting)
    if values["reverse"] or values["before"] or values["after"] or values.get("newest"):
        raise Problem(
            400, "sorted lines have no newest: reverse, newest, before and after are of others"
        )
    if question.limit is not None and question.limit > MOST:
        raise Problem(400, f"a sorted answer has at most {MOST:,} lines")
    most = min(values["limit"], MOST if question.limit is None else question.limit)
    found = sort_lines(make_search(view, values), sorting, question.extractions, most)
    if values["format"] != "json":
        yield b"".join([head, *map(render, found.hits)])
        return
    document = document_maker(question.extractions)
    for hit, number in zip(found.hits, found.numbers, strict=True):
        yield json_line({**document(hit), "number": number})


def count_by_value(
    view: View, values: Values, step: float
) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """Return what a histogram says of its field, and by the start of each step the numbers by value.

    The most frequent MOST_VALUES are counted, and lines without the field as NONE.
    """
    field = values["by"]
    grouping = Grouping((Figure("count"),), (field,), step)
    found = group(make_search(view, values), grouping, question_of(values).extractions)
    rows = [(time, NONE if value is None else value, lines) for time, value, lines in found.rows]
    known, steps = counts_by_value(rows)
    names = [name for name in known if name != NONE][:MOST_VALUES]
    if field == STATUS_CLASS:
        names.sort()
    kept = {NONE, *names}
    parts = {
        str(time): {name: lines for name, lines in counts.items() if name in kept}
        for time, counts in steps.items()
    }
    return {"by": field, "values": names}, parts


def patterns(view: View, values: Values) -> Iterator[bytes]:
    """Yield the patterns of matching lines. Raises Problem (400) if all would be new."""
    since, new_since = values["since"], values["new_since"]
    if since and new_since and since >= new_since:
        raise Problem(400, "since must be before new_since, or all patterns are new")
    found = find_patterns(make_search(view, values), new_since)
    with closing(StoredLines(view)) as lines:
        rows = [pattern_document(one, lines) for one in found.patterns[: values["limit"]]]
    yield json_line(
        {
            "lines": found.lines,
            "forgotten": found.forgotten,
            "total": len(found.patterns),
            "patterns": rows,
        }
    )
