"""The requirement of a query: what every line that it finds contains."""

from __future__ import annotations

from logsrv.linelog.query import needs
from logsrv.linelog.query.needs import Need
from logsrv.linelog.query.smart import has_capital
from logsrv.linelog.query.tree import And, Compare, Has, Node, Or, Regex, Text


def need_of(node: Node) -> Need | None:
    """Return what every line for which `node` is true contains, or None where nothing is certain."""
    if isinstance(node, Text):
        return needs.literal(node.text, ignore_case=not has_capital(node.text))
    if isinstance(node, Regex):
        return _need_of_regex(node.pattern)
    if isinstance(node, Has):
        return needs.of_field(node.field, "!=", "", ignore_case=False)
    if isinstance(node, Compare):
        if node.field == "message" and node.op == "~":
            return _need_of_regex(node.value)
        return needs.of_field(
            node.field, node.op, node.value, ignore_case=not has_capital(node.value)
        )
    if isinstance(node, And):
        return needs.both([need_of(part) for part in node.parts])
    if isinstance(node, Or):
        return needs.either([need_of(part) for part in node.parts])
    return None


def _need_of_regex(pattern: str) -> Need | None:
    from logsrv.linelog.query.expression import read_expression

    return read_expression(pattern).need
