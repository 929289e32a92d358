"""The requirement of a query: what every line that it finds contains."""

from __future__ import annotations

from logsrv.linelog.query.language.tree import And, Compare, Has, Node, Or, Regex, Term
from logsrv.linelog.query.matching import needs
from logsrv.linelog.query.matching.expression import read_expression
from logsrv.linelog.query.matching.field_needs import of_field
from logsrv.linelog.query.matching.needs import Need


def need_of(node: Node) -> Need | None:
    """Return what every line for which `node` is true contains, or None where nothing is certain."""
    if isinstance(node, Term):
        return needs.literal(node.text, ignore_case=not needs.has_capital(node.text))
    if isinstance(node, Regex):
        return _need_of_regex(node.pattern)
    if isinstance(node, Compare) and node.field == "message" and node.op == "~":
        return _need_of_regex(node.value)
    if isinstance(node, (Compare, Has)):
        # To be another than any text is just to be there.
        op, value = (node.op, node.value) if isinstance(node, Compare) else ("!=", "")
        return of_field(node.field, op, value, ignore_case=not needs.has_capital(value))
    if isinstance(node, And):
        return needs.both([need_of(part) for part in node.parts])
    if isinstance(node, Or):
        return needs.either([need_of(part) for part in node.parts])
    return None


def _need_of_regex(pattern: str) -> Need | None:
    return read_expression(pattern).need
