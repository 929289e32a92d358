"""The lines that a reader may see: a condition that a view has, besides whatever is asked of it.

`View.only` is the one place where it is said. All reading goes through two doors, and both ask it:

    TaskReader    searches, and all that is counted: the condition is part of their query. So text, indexes,
                  columns and remembered parts need not know of it.
    StoredLines   lines by their positions, neighbours, records: other lines are not there.

Whatever else opens a segment of such a view fails (`View.open_segment`), so that a new way to read cannot
forget it. Live views have one view for all viewers: each query has its reader's condition (http/views).

The condition is parsed by itself. So the names that a query gives to parts of messages are unknown in it:
`/(?P<app>web)/` defines no field of `only = "app=web"`. A line inside a stack trace has its level, and what
else stands in a header, from the first line of its record, as everywhere.
"""

from __future__ import annotations

from functools import lru_cache

from logsrv.errors import QueryError
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING, And, Node, all_of


@lru_cache(maxsize=64)
def parse_only(text: str) -> Node | None:
    """Return the condition of a reader; None for "", a reader of all lines. Raises QueryError.

    Only "" means all lines: a text that leaves out none, such as one of spaces, is refused.
    """
    if not text:
        return None
    node = parse(text)
    if node == EVERYTHING:
        raise QueryError("it leaves out no line; a reader of all lines has no `only`", 1)
    return node


def restricted(node: Node, only: Node | None) -> Node:
    """Return the conditions of a query and those of its reader. Does nothing if it has them already."""
    first = node
    while only is not None and first != only and isinstance(first, And) and first.parts:
        first = first.parts[0]
    if only is None or first == only:
        return node
    return (
        And((only, *node.parts)) if isinstance(node, And) and node.parts else all_of((only, node))
    )


def restricted_matcher(matcher: Matcher, only: Node | None) -> Matcher:
    """Return the matcher of these conditions: the same one if they are those of `matcher`."""
    node = restricted(matcher.node, only)
    return matcher if node is matcher.node else make_matcher(node)
