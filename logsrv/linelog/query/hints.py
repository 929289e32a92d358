"""Hints for queries in the syntax of another tool: valid here, but they probably mean something else.

`Failed and root` asks for three words, `app==shop` for the value `=shop`, and `duration>abc` finds nothing.
The query runs all the same; a hint with its result says how to write the other meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.lazy_names import later_module
from logsrv.linelog.fields.level_names import LEVELS, canonical_level
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.query.field_names import FIELD, IN_BACKTICKS, field_as_written
from logsrv.linelog.query.parse import (
    EXPRESSION,
    ORDERS,
    PIPE,
    QUOTED,
)
from logsrv.linelog.query.pipeline import LineStages, parse_question
from logsrv.linelog.query.question import EVERYTHING, Compare, Node, leaves
from logsrv.linelog.query.units import numbers_by_unit

if TYPE_CHECKING:
    from logsrv.linelog.query import stage
else:
    # Most queries have no word that might be a stage.
    stage = later_module("logsrv.linelog.query.stage")

MOST_HINTS = 3

_PIECE = re.compile(
    f"(?:{FIELD}(?:!=|>=|<=|[=<>~:]))?{QUOTED.pattern}|(?:{FIELD}~)?{EXPRESSION.pattern}"
    rf'|(?P<word>(?:-?{IN_BACKTICKS})?[^\s()"]+)',
    re.DOTALL,
)
# <root@example.com> is a value.
_EQUAL = re.compile(rf"(-?)({FIELD})=(?!<.*>)([=<>])(.*)", re.DOTALL)
_BY = rf"(?: every \S+)? by {FIELD}(?:, ?{FIELD})*(?: every \S+)?"
_STARS = re.compile(rf"(-?)({FIELD})(=|!=)(?=[^*]*\*)(.+)", re.DOTALL)
_SPECIAL = re.compile(r"[].\\/^$+?{}|[]")
# A name, not an address: IPv6 addresses have colons, and no address has a letter after F.
_NAME = re.compile(r"[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*")
_PART_OF_NAME = re.compile(r"[A-Za-z0-9._-]*[G-Zg-z][A-Za-z0-9._-]*")
_CLASS = re.compile(r"[1-5]xx", re.IGNORECASE)
# Names and numbers side by side, but for one number with commas between its thousands.
_LISTED = re.compile(r"(?![0-9]{1,3}(?:,[0-9]{3})+\Z)[\w.-]+(?:,[\w.-]+)+")
_SELECTOR = re.compile(rf"\{{({FIELD})(?:=~|!~|!=|=)", re.DOTALL)


def foreign_syntax_hints(query: str) -> list[str]:
    """Return at most MOST_HINTS sentences on a valid query that means something else in another tool."""
    node: Node = EVERYTHING
    # A query with an error says itself what is wrong.
    with suppress(QueryError):
        # The filter alone first: the condition of an alert is no stage of a question.
        node = LineStages(query).lines.node
        node = parse_question(query).node
    hints = []
    for pieces in _filters(query):
        for index, piece in enumerate(pieces):
            if word := piece["word"]:
                behind = pieces[index + 1][0] if index + 1 < len(pieces) else ""
                is_between = 0 < index < len(pieces) - 1
                hints.append(_hint_on_word(word, behind, is_between=is_between))
    hints += map(_hint_on_comparison, comparisons(node))
    words = " ".join(query.partition("|")[0].split())
    if " by " in words and _is_table(words):
        hints.append(hint_on_stage(words))
    return list(dict.fromkeys(hint for hint in hints if hint))[:MOST_HINTS]


def _is_table(words: str) -> bool:
    """Return whether words would be a stage that makes a table: `count by app`, `avg ms by app`."""
    name = words.partition(" ")[0]
    found = stage.find_stage(name)
    if found is None or found.kind != "table":
        return False
    field = f" {FIELD}" if name in found.completion.behind else ""
    return re.fullmatch(re.escape(name) + field + _BY, words) is not None


def _filters(query: str) -> Iterator[list[re.Match[str]]]:
    """Yield the pieces of the filter, and of each one behind `where`."""
    stages: list[list[re.Match[str]]] = [[]]
    for piece in _PIECE.finditer(query):
        if PIPE.match(query, piece.start()):
            stages.append([])
        else:
            stages[-1].append(piece)
    yield stages[0]
    for pieces in stages[1:]:
        name = pieces[0][0] if pieces else ""
        if name == "where":
            yield pieces[1:]
            continue
        found = stage.find_stage(name)
        if found is None or not (found.parse_filter or found.filters_behind):
            # Behind figures, comparisons may have spaces.
            return


def hint_on_stage(words: str) -> str:
    """Return the hint on words that would be a stage behind a `|`."""
    return f"these are words here; write | {_shortened_line(words)}"


def _hint_on_word(word: str, behind: str, *, is_between: bool) -> str | None:
    if equal := _EQUAL.fullmatch(word):
        no, sign, name = equal[1], equal[3], _shortened_line(equal[2])
        value, op = _shortened_line(equal[4]) or '"…"', sign.removesuffix("=") + "="
        asked = f"{name}={sign}{value} asks for a value that begins with {sign}"
        return f"{asked}; write {no}{name}{op}{value}"
    _, pipe, name = (word + behind if word.endswith("|") else word).rpartition("|")
    if pipe and stage.find_stage(name.rstrip(",")):
        return f"a | stands alone, between spaces: write | {name.rstrip(',')}"
    stars = _STARS.fullmatch(word)
    if stars and not word.endswith(f"{stars[2]}=*"):
        return _hint_on_stars(*stars.groups())
    if selector := _SELECTOR.match(word):
        name = _shortened_line(selector[1])
        meant = f'{name}=value "a phrase"'
        return f'{{ and }} are words here; write {meant} for {{{name}="value"}} |= "a phrase"'
    if word == "*":
        return "* is a character here; leave it out: a query without words finds every line"
    if word in ("|=", "|~"):
        return f"{word} is a word here; text and /expressions/ stand side by side without it"
    if is_between and word in ("and", "or", "&&", "||"):
        operator = "AND" if word in ("and", "&&") else "OR"
        return f"{word} is a word here; the operator is {operator}, in capitals"
    if behind and word in ("not", "!"):
        return f"{word} is a word here; the operator is NOT, in capitals, or a - before what is not wanted"
    if is_between and word in ("=", "==", "!=", "<", "<=", ">", ">=", "~"):
        op = "=" if word == "==" else word
        return f"{word} is a word here; a comparison has no spaces: field{op}value"
    return None


def comparisons(node: Node) -> Iterator[Compare]:
    """Return the comparisons of a query, in order."""
    return (leaf for leaf in leaves(node) if isinstance(leaf, Compare))


def _hint_on_comparison(node: Compare) -> str | None:
    name, op, value = (
        _shortened_line(field_as_written(node.field)),
        node.op,
        _shortened_line(node.value),
    )
    if op in ORDERS and node.field != "level" and not numbers_by_unit(node.field, node.value):
        asked = (
            f"{name}{op}{value} finds nothing: {op} compares numbers, and {value} is not a number"
        )
        if node.field in ("time", "timestamp"):
            return f"{asked}; times are given apart from the query, as --since and --until"
        return f"{asked}, with a unit (500ms, 1m30s, 10kB, 1.5GiB) or without"
    if _EQUAL.fullmatch(f"{name}{op}{value}"):
        return None
    if node.field == "level" and op in ("=", "!=") and canonical_level(node.value) is None:
        return f"{value} is no level; these are: {', '.join(LEVELS)}"
    if _CLASS.fullmatch(node.value) and op in ("=", "!=", ":") and node.field != STATUS_CLASS:
        no = "NOT " if op == "!=" else ""
        return f"{value} is a text here, which {name} never is; write {no}{STATUS_CLASS}={value}"
    if op in ("=", "!=") and _LISTED.fullmatch(node.value):
        no, each = "NOT " if op == "!=" else "", node.value.replace(",", ", ")
        return f"{value} is one value here; for each of these write {no}{name} in ({_shortened_line(each)})"
    if node.field == "severity" and op == "=" and node.value.lower() in ("error", "critical"):
        return f"a syslog header has severity=err and =crit; any line has a level: level={value}"
    if node.field == "host" and (_NAME if op in ("=", "!=") else _PART_OF_NAME).fullmatch(
        node.value
    ):
        return (
            f"host is the address of the peer; the name in a line is hostname: hostname{op}{value}"
        )
    return None


def _hint_on_stars(minus: str, name: str, op: str, value: str) -> str:
    name = _shortened_line(name)
    no = "NOT " if bool(minus) != (op == "!=") else ""
    if value == "*":
        return f"{name}!=* asks for another value than an asterisk; write {no}{name}=*"
    text = value.strip("*")
    if not text:
        return f"* is a character here; write {no}{name}=*"
    begin, end = "" if value[0] == "*" else "^", "" if value[-1] == "*" else "$"
    middle = ".*".join(_SPECIAL.sub(r"\\\g<0>", part) for part in text.split("*") if part)
    expression = f"{no}{name}~/{begin}{_shortened_line(middle)}{end}/"
    if "*" in text:
        return f"* is a character here; write {expression}"
    contains = f"{no}{name}:{_shortened_line(text)} (contains)"
    if not begin + end:
        return f"* is a character here; write {contains}"
    where = "begins with" if begin else "ends with"
    return f"* is a character here; write {contains}, or {expression} ({where})"


def _shortened_line(text: str) -> str:
    return one_line(text, 60)
