"""Hints for a search that found nothing: do lines have the fields and words that it asked for?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean
from logsrv.lazy_names import later_module
from logsrv.linelog.fields.parsed_line import ALWAYS, ParsedLine
from logsrv.linelog.fields.values import Value, elements_of_value, number_of_text
from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.hints import comparisons, hint_on_stage
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import ELSEWHERE, ORDERS, phrase_of
from logsrv.linelog.query.question import EVERYTHING, And, Compare, Node, Term
from logsrv.linelog.query.units import TIME, parse_amount
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search

if TYPE_CHECKING:
    from logsrv.linelog.query import stage
else:
    # Few queries have a word that might be a stage.
    stage = later_module("logsrv.linelog.query.stage")

_LINES = 500


def hints_for_no_hits(search: Search, node: Node, top: str | None) -> Iterator[str]:
    """Yield a sentence for each field that the newest lines lack, or have with a unit; for `sort ms`, too.

    node: what was asked. top: the field that was counted, if any.
    """
    match node:
        case And(parts=(Term(text=name), Term(text=field))) if field_as_written(field) == field:
            known_stage = stage.find_stage(name)
            if known_stage is not None and name in known_stage.completion.behind:
                yield hint_on_stage(f"{name} {field}")
    asked = {each.field: each for each in comparisons(node)}
    names = [name for name in (*asked, *([top] if top else ())) if name not in ELSEWHERE]
    if not names:
        return
    with closing(type(search)(search.view, make_matcher(EVERYTHING), Scope())) as every:
        records = [hit.parsed() for hit in islice(every.hits(reverse=True), _LINES)]
    for name in dict.fromkeys(names) if records else ():
        found = [value for record in records if (value := record.get(name)) is not None]
        if found:
            yield from _hint_on_unit(asked[name], found) if name in asked else ()
        elif name not in ALWAYS:
            fields = {one for record in records for one in record.fields}
            known = sorted({one_line(field_as_written(one), 100) for one in fields})
            said = f"none of the newest {len(records)} lines has a"
            if len(records) == 1:
                said = "the only line has no"
            written = one_line(field_as_written(name), 100)
            text = _hint_on_text(asked[name], records) if name in asked else ""
            yield f"{said} field {written}{text or did_you_mean(written, known)}"


def _hint_on_text(asked: Compare, records: list[ParsedLine]) -> str:
    """Return a hint on a comparison whose text lines have, such as `src/main.rs:12`; else nothing."""
    text = f"{asked.field}{asked.op}{asked.value}"
    if not any(text.lower() in record.message.lower() for record in records):
        return ""
    return f"; the text stands in quotation marks: {one_line(phrase_of(text), 100)}"


def words_that_never_occur(search: Search, node: Node) -> Iterator[str]:
    """Yield the words and phrases that a query asks for and no line has, at any time."""
    for part in node.parts if isinstance(node, And) else (node,):
        if isinstance(part, Term):
            with closing(type(search)(search.view, make_matcher(part), Scope())) as every:
                if not next(every.hits(reverse=True), None):
                    yield phrase_of(part.text)


def _hint_on_unit(asked: Compare, found: list[Value]) -> Iterator[str]:
    """Yield a sentence on the query's number without a unit, if the field's values have a unit."""
    if asked.op not in ORDERS or number_of_text(asked.value) is None:
        return
    for value in (item for some in found for item in elements_of_value(some)):
        if known := parse_amount(value):
            field = one_line(field_as_written(asked.field), 100)
            unit, other = ("seconds", "ms") if known.unit == TIME else ("bytes", "MB")
            yield (
                f"{field} has values such as {value}, and {asked.value} without a unit means {unit}"
                f" there; write {field}{asked.op}{asked.value}{other}, or another unit"
            )
            return
