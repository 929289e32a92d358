"""The need of a query: literals in every line that it finds, in whatever format the line's fields are."""

from __future__ import annotations

import re

from logsrv.linelog.fields.forms.access.one import ALL_ACCESS_NAMES
from logsrv.linelog.fields.forms.events.one import HEADER_NAMES as EVENT_NAMES
from logsrv.linelog.fields.forms.syslog.one import HEADER_NAMES
from logsrv.linelog.fields.stored_line import IN_STAMP, INHERITED, to_stored_bytes
from logsrv.linelog.fields.values import STATUS_CLASS, number_of_text
from logsrv.linelog.query.question import (
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Or,
    Regex,
    Term,
)
from logsrv.linelog.query.text_search.expression import compile_expression
from logsrv.linelog.query.text_search.literals import (
    AnyOf,
    Inherited,
    Literal,
    Need,
    has_ascii_capital,
    need_of_all,
    need_of_any,
    need_of_text,
)
from logsrv.linelog.query.units import is_number_or_amount

# Characters of a value that its line may lack, because JSON, logfmt, RFC 5424 and access logs escape them,
# and those beside which a colour may begin. The words between them stand in the line, or as \u00.. .
_BETWEEN_WORDS = re.compile(r"[^\w.:@+%-]")
# A field in a list of objects is serialized again, which may change numbers, white space and punctuation.
_REWRITTEN = re.compile(r"[^A-Za-z0-9_.+-]")
SHORTLY_ESCAPED = re.compile(r'["\\/\x00-\x1f]')
"""Finds a character of a key that JSON may write as a backslash with another one."""
_IN_A_NUMBER = re.compile(
    r"-?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]*)?|[+-]?[0-9]*|(?i:i?n?f?i?n?i?t?y?|n?a?n?)"
)


def need_of_query(node: Node) -> Need | None:
    """Return the need of every line for which `node` is true, or None if nothing is certain."""
    if isinstance(node, Term):
        return need_of_text(node.text)
    if isinstance(node, (Regex, Extracted)):
        return compile_expression(node.pattern).need
    if isinstance(node, Compare) and node.field == "message" and node.op == "~":
        return compile_expression(node.value).need
    if isinstance(node, (Compare, HasField)):
        # `field=*` has the need of any `field!=…`: both only need the field.
        op, value = (node.op, node.value) if isinstance(node, Compare) else ("!=", "")
        need = need_of_field(node.field, op, value)
        return Inherited((need,)) if need is not None and node.field in INHERITED else need
    if isinstance(node, And):
        return need_of_all([need_of_query(part) for part in node.parts])
    if isinstance(node, Or):
        return need_of_any([need_of_query(part) for part in node.parts])
    return None


def need_of_field(name: str, op: str, value: str) -> Need | None:
    """Return the need of a line whose field `name` equals (`=`) or contains (`:`) `value`.

    With any other `op`, only the presence of the field is certain.
    """
    if name in IN_STAMP or name in ("level", STATUS_CLASS):
        return None
    if name == "message":
        if op not in ("=", ":") or (op == "=" and is_number_or_amount(value)):
            return None
        return need_of_text(value, ignore_case=True if op == "=" else None)
    inner = name.removeprefix("fields.").removeprefix("syslog.")
    parts = [_need_of_key(name)]
    if inner not in ("facility", "severity"):
        parts.append(need_of_value(op, value))
    return need_of_all(parts)


def _need_of_key(name: str) -> Need | None:
    """Return the need of a field's key; None for fields of formats without keys, such as access logs."""
    inner = name.removeprefix("fields.")
    last = inner.rpartition(".")[2]
    keyless = last in ALL_ACCESS_NAMES or last in HEADER_NAMES
    if keyless or inner in EVENT_NAMES or not last:
        return None
    return need_of_any((need_of_key_text(last), Literal(escape_in_key(last), False)))


def need_of_key_text(key: str) -> Need | None:
    """Return the need of a key in which JSON has no `\\u`: the parts beside what may be a short escape."""
    runs = filter(None, SHORTLY_ESCAPED.split(key))
    return need_of_all([Literal(to_stored_bytes(run), False) for run in runs])


def escape_in_key(key: str) -> bytes:
    """Return the beginning of the escapes that JSON may have in a key, besides short ones."""
    return b"\\u00" if max(key) <= "\xff" else b"\\u"


def need_of_value(op: str, value: str) -> AnyOf | None:
    """Return the need of a line in which some field equals (`=`) or contains (`:`) `value`.

    Either None, or an AnyOf of the value's parts and of the escape that may replace them.
    """
    is_number = is_number_or_amount(value) if op == "=" else number_of_text(value) is not None
    if op not in ("=", ":") or is_number or value[:1] in ("{", "["):
        return None
    ignore_case = op == "=" or not has_ascii_capital(value)
    if op == "=":
        runs = _BETWEEN_WORDS.split(value)
    else:
        runs = [run for run in _REWRITTEN.split(value) if not _IN_A_NUMBER.fullmatch(run)]
    found = need_of_all(need_of_text(run, ignore_case=ignore_case) for run in runs if len(run) > 1)
    if found is None:
        return None
    # JSON may escape every non-ASCII character.
    escape = b"\\u00" if value.isascii() else b"\\u"
    return AnyOf((found, Literal(escape, False)))
