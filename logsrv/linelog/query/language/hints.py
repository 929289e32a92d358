"""Hints for queries in the syntax of another tool: valid here, but they probably mean something else.

`Failed and root` asks for three words, `app==shop` for the value `=shop`, and `duration>abc` finds nothing.
The query runs all the same; a hint with its result says how to write the other meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.level import LEVELS, canonical_level
from logsrv.linelog.query.language.parse import (
    EXPRESSION,
    FIELD,
    ORDERS,
    QUOTED,
    ExtractedNames,
    parse_filter,
)
from logsrv.linelog.query.language.tree import EVERYTHING, And, Compare, Node, Not, Or
from logsrv.linelog.query.language.units import numbers_by_unit

MOST_HINTS = 3

_PIECE = re.compile(
    f"(?:{FIELD}(?:!=|>=|<=|[=<>~:]))?{QUOTED.pattern}|(?:{FIELD}~)?{EXPRESSION.pattern}"
    r'|(?P<word>[^\s()"]+)',
    re.DOTALL,
)
_EQUAL = re.compile(rf"(-?)({FIELD})==(.*)", re.DOTALL)
_STARS = re.compile(rf"(-?)({FIELD})(=|!=)(?=[^*]*\*)(.+)", re.DOTALL)
_SPECIAL = re.compile(r"[].\\/^$+?{}|[]")
# A name, not an address: IPv6 addresses have colons, and no address has a letter after F.
_NAME = re.compile(r"[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*")
_PART_OF_NAME = re.compile(r"[A-Za-z0-9._-]*[G-Zg-z][A-Za-z0-9._-]*")
_SELECTOR = re.compile(rf"\{{({FIELD})(?:=~|!~|!=|=)", re.DOTALL)


def foreign_syntax_hints(query: str) -> list[str]:
    """Return at most MOST_HINTS sentences on a valid query that means something else in another tool."""
    node: Node = EVERYTHING
    end = len(query)
    # A query with an error says itself what is wrong.
    with suppress(QueryError):
        node, end = parse_filter(query, 0, ExtractedNames())
    pieces = list(_PIECE.finditer(query, 0, end))
    found = []
    for place, piece in enumerate(pieces):
        if word := piece["word"]:
            behind = pieces[place + 1][0] if place + 1 < len(pieces) else ""
            is_between = 0 < place < len(pieces) - 1
            found.append(_hint_on_word(word, behind, is_between=is_between))
    found += map(_hint_on_comparison, comparisons(node))
    return list(dict.fromkeys(hint for hint in found if hint))[:MOST_HINTS]


def _hint_on_word(word: str, behind: str, *, is_between: bool) -> str | None:
    if equal := _EQUAL.fullmatch(word):
        no, name, value = equal[1], _shortened_line(equal[2]), _shortened_line(equal[3]) or '"…"'
        return f"{name}=={value} asks for a value that begins with =; write {no}{name}={value}"
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
    """Yield the comparisons of a query, in order."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case Compare() as found:
                yield found
            case And() | Or() as joined:
                waiting += reversed(joined.parts)
            case Not() as negated:
                waiting.append(negated.part)
            case _:
                pass


def _hint_on_comparison(node: Compare) -> str | None:
    name, op, value = _shortened_line(node.field), node.op, _shortened_line(node.value)
    if op in ORDERS and node.field != "level" and not numbers_by_unit(node.field, node.value):
        asked = f"{name}{op}{value} finds nothing: {op} compares numbers, and {value} is none"
        if node.field in ("time", "timestamp"):
            return f"{asked}; times are given apart from the query, as --since and --until"
        return f"{asked}, with a unit (500ms, 1m30s, 10kB, 1.5GiB) or without"
    if node.field == "level" and op in ("=", "!=") and canonical_level(node.value) is None:
        return f"{value} is no level; these are: {', '.join(LEVELS)}"
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
    place = "begins with" if begin else "ends with"
    return f"* is a character here; write {contains}, or {expression} ({place})"


def _shortened_line(text: str) -> str:
    return one_line(text, 60)
