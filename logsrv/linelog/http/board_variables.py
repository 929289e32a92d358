"""Variables of boards: the `$host` in the saved search `hostname=$host level>=error | count by app`.

`template_of` parts a query at its comparisons with variables. The parser of queries finds them: a `$host`
in quotation marks, in an expression or as a word of its own stays text. The page puts values there
(`static/variable_values.js`), each quoted as a value, so that none can become syntax. A query itself never
has variables: on a terminal, in an alert or on the live page `$host` is a text.

    comparison = FIELD ( "=" | "!=" | ":" | "<" | "<=" | ">" | ">=" ) "$" NAME | FIELD "in" "(" "$" NAME ")"

A template is a list of texts and comparisons:

    ["x ", {"variable": "host", "field": "hostname", "written": "hostname", "op": "=", "before": "NOT ",
            "all": ""}, " | count by app"]

written: the field as the query has it. before: the words before the comparison that go with it if all
values are chosen; then `all` stands there, and the comparison leaves nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from logsrv.errors import QueryError
from logsrv.kit.text.escape import printable
from logsrv.kit.text.words import shown
from logsrv.linelog.query.field_names import FIELD, name_of_field
from logsrv.linelog.query.parse import ExtractedNames, Parsed, parse_filter
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import And, Compare, Node, Not, all_of
from logsrv.value import Value

LONGEST_VARIABLE = 50
VARIABLE = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_VARIABLE - 1}}}", re.ASCII)
"""A name of a variable, which stands behind `$`."""
MOST_VARIABLES = 20
"""Variables for which a board says of which field their values are."""
MOST_COMPARISONS = 50
"""Comparisons with variables in a query: each costs two looks at its filter."""
_LONGEST_FIELD = 500
# Conditions that are true, and false, for each line.
_TRUE, _FALSE = "message=*", "(NOT message=*)"
_COMPARISON = re.compile(
    rf"({FIELD})(?:(?P<op>!=|>=|<=|[=<>:])\$(?P<one>{VARIABLE.pattern})(?=[\s()\"]|\Z)"
    rf"|\s+in\s*\(\s*\$(?P<listed>{VARIABLE.pattern})\s*\))",
    re.ASCII | re.DOTALL,
)
# Words before a comparison that belong to it: an AND, and any NOTs.
_BEFORE = re.compile(r"(?:(?<![^\s()])AND\s+)?(?:(?<![^\s()])NOT\s+|(?<![^\s()])-)*\Z")
_AND_BEHIND = re.compile(r"\s*AND(?![^\s()\"])")
_MOST_KEPT = 400

Template: TypeAlias = list[str | dict[str, str]]


class _Comparison(NamedTuple):
    """A comparison with a variable, between two offsets of a query. node: stands for it in the tree."""

    begin: int
    end: int
    variable: str
    field: str
    written: str
    op: str
    node: Node


class _Variables(ExtractedNames):
    """Notes the comparisons with variables as the parser reads a query."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, _Comparison] = {}

    def read_variable(self, text: str, at: int) -> Parsed | None:
        found = _COMPARISON.match(text, at)
        field = name_of_field(found[1]) if found else None
        if found is None or field is None:
            return None
        op, variable = found["op"] or "=", found["one"] or found["listed"]
        node = Compare(field, op, f"${variable}")
        self.found[at] = _Comparison(at, found.end(), variable, field, found[1], op, node)
        return node, found.end()


@lru_cache(_MOST_KEPT)
def template_of(query: str) -> Template:
    """Return a query in parts, or [] if it has no variables. Raises QueryError for a wrong query."""
    if "$" not in query:
        return []
    variables = _Variables()
    question = parse_question(query, variables)
    template: Template = []
    end = 0
    comparisons = sorted(variables.found.values())
    if len(comparisons) > MOST_COMPARISONS:
        raise QueryError(
            f"a query may be compared with variables {MOST_COMPARISONS} times; this is one more",
            comparisons[MOST_COMPARISONS].begin + 1,
        )
    for one in comparisons:
        begin, before, all_ = _before_and_all(query, one, question)
        template += [
            query[end:begin],
            {
                "variable": one.variable,
                "field": one.field,
                "written": one.written,
                "op": one.op,
                "before": before,
                "all": all_,
            },
        ]
        end = one.end
    return [*template, query[end:]] if template else []


def variables_in(query: str) -> list[str]:
    """Return the names of the variables in a query, each once; none of a wrong one."""
    if "$" not in query:
        return []
    variables = _Variables()
    with suppress(QueryError):
        parse_question(query, variables)
        return list(dict.fromkeys(one.variable for one in sorted(variables.found.values())))
    return []


def variables_hint(query: str) -> str:
    """Return the sentence for who asks a query with variables outside a board; "" for other queries."""
    names = variables_in(query)
    if not names:
        return ""
    each = ", ".join(f"${name}" for name in names)
    if len(names) == 1:
        return (
            f"{each} is a variable: a board with this search offers its values; here it is a text"
        )
    return (
        f"{each} are variables: a board with this search offers their values; here they are texts"
    )


def check_declared(fields: object) -> None:
    """Raise ValueError unless a board may say so of which field the values of each variable are."""
    if not isinstance(fields, dict) or len(fields) > MOST_VARIABLES:
        raise ValueError(
            f'variables is no JSON object of at most {MOST_VARIABLES}, such as {{"host": "hostname"}}'
        )
    for name, field in fields.items():
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"{shown(name)} is not a name of a variable such as host")
        is_name = isinstance(field, str) and 0 < len(field) <= _LONGEST_FIELD
        if not is_name or printable(field) != field:
            raise ValueError(f"the values of {name} have to name a field such as hostname")


def _before_and_all(query: str, one: _Comparison, question: object) -> tuple[int, str, str]:
    """Return where the template's part begins, the words before its comparison, and what stands for all."""
    before = _BEFORE.search(query, 0, one.begin)
    assert before is not None
    begin = before.start()
    # Between two conditions the AND of one is left if the other goes; at the beginning there is no other.
    keeps_and = _AND_BEHIND.match(query, one.end) and not before[0].startswith("AND")
    if not keeps_and and _can_be_left_out(query, begin, one):
        return begin, before[0], ""
    return one.begin, "", _FALSE if _is_negated(question, one.node) else _TRUE


def _can_be_left_out(query: str, begin: int, one: _Comparison) -> bool:
    """Return whether the filter without the comparison is the filter without that condition."""
    variables = _Variables()
    node, end = parse_filter(query, 0, variables)
    if one.begin not in variables.found or one.begin >= end:
        return False
    own = variables.found[one.begin].node
    parts = node.parts if isinstance(node, And) else (node,)
    others = [
        part for part in parts if not (part is own or (isinstance(part, Not) and part.part is own))
    ]
    if len(others) == len(parts):
        return False
    try:
        # In brackets it might be the last one to go.
        parse_filter(query[:begin], 0, _Variables())
        rest, _ = parse_filter(query[:begin] + query[one.end : end], 0, _Variables())
    except QueryError:
        return False
    return rest == all_of(others)


def _is_negated(tree: object, node: Node) -> bool:
    """Return whether `node` stands behind an odd number of NOTs in a query's tree."""
    waiting: list[tuple[object, bool]] = [(tree, False)]
    while waiting:
        found, is_negated = waiting.pop()
        if found is node:
            return is_negated
        if isinstance(found, Not):
            waiting.append((found.part, not is_negated))
        else:
            waiting += [(part, is_negated) for part in _parts_of(found)]
    return False


def _parts_of(found: object) -> Iterator[Any]:
    if isinstance(found, Value):
        yield from (getattr(found, name) for name in found._fields)
    elif isinstance(found, (tuple, list)):
        yield from found
