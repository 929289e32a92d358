"""The requirement of a query: what every line that it finds contains, however its fields are written."""

from __future__ import annotations

import re

from logsrv.linelog.fields import access, syslog_header
from logsrv.linelog.fields.stamp import IN_STAMP
from logsrv.linelog.fields.values import number_of_text
from logsrv.linelog.query.language.tree import And, Compare, Has, Node, Or, Regex, Term
from logsrv.linelog.query.language.units import is_amount
from logsrv.linelog.query.matching.expression import read_expression
from logsrv.linelog.query.matching.needs import (
    AnyOf,
    Literal,
    Need,
    both,
    either,
    has_capital,
    literal,
)

# Characters which a value may have, and its line not: as they are escaped in JSON, logfmt, RFC 5424
# or access logs. All others stand there, or as \u00.. .
_ESCAPABLE = re.compile(r'[\x00-\x1f"\\/\]\x7f-\x9f\u2028\u2029\ud800-\udfff]')
# Objects in lists are written anew, and with them numbers, white space and punctuation.
_REWRITTEN = re.compile(r"[^A-Za-z0-9_.+-]")
_IN_A_NUMBER = re.compile(
    r"-?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]*)?|[+-]?[0-9]*|(?i:i?n?f?i?n?i?t?y?|n?a?n?)"
)


def need_of(node: Node) -> Need | None:
    """Return what every line for which `node` is true contains, or None where nothing is certain."""
    if isinstance(node, Term):
        return literal(node.text, ignore_case=not has_capital(node.text))
    if isinstance(node, Regex):
        return read_expression(node.pattern).need
    if isinstance(node, Compare) and node.field == "message" and node.op == "~":
        return read_expression(node.value).need
    if isinstance(node, (Compare, Has)):
        # To be another than any text is just to be there.
        op, value = (node.op, node.value) if isinstance(node, Compare) else ("!=", "")
        return of_field(node.field, op, value, ignore_case=not has_capital(value))
    if isinstance(node, And):
        return both([need_of(part) for part in node.parts])
    if isinstance(node, Or):
        return either([need_of(part) for part in node.parts])
    return None


def of_field(name: str, op: str, value: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line whose field `name` is there, and equal to or containing `value`.

    op: `=` or `:`; with any other only the field's being there is sure.
    """
    if name in IN_STAMP or name == "level":
        return None
    if name == "message":
        if op not in ("=", ":") or (op == "=" and is_amount(value)):
            return None
        return literal(value, ignore_case=op == "=" or ignore_case)
    inner = name.removeprefix("fields.").removeprefix("syslog.")
    parts = [_of_name(name)]
    if inner not in ("facility", "severity"):
        parts.append(of_value(op, value, ignore_case=ignore_case))
    return both(parts)


def _of_name(name: str) -> Need | None:
    """The key stands in the line, unless the shape of the line says what is what."""
    inner = name.removeprefix("fields.")
    last = inner.rpartition(".")[2]
    if last in access.ALL_NAMES or last in syslog_header.NAMES or not last:
        return None
    return either((Literal(last.encode(), False), Literal(b"\\u00", False)))


def of_value(op: str, value: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line in which some field equals (`=`) or contains (`:`) `value`.

    It is None, or an AnyOf of what stands in the line and the escape that may stand for it.
    """
    is_number = is_amount(value) if op == "=" else number_of_text(value) is not None
    if op not in ("=", ":") or is_number or value[:1] in ("{", "["):
        return None
    if op == "=":
        runs = _ESCAPABLE.split(value)
        ignore_case = True
    else:
        runs = [run for run in _REWRITTEN.split(value) if not _IN_A_NUMBER.fullmatch(run)]
    found = both(literal(run, ignore_case=ignore_case) for run in runs if len(run) > 1)
    if found is None:
        return None
    # Every character outside of ASCII may be escaped by itself.
    escape = b"\\u00" if value.isascii() else b"\\u"
    return AnyOf((found, Literal(escape, False)))
