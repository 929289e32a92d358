"""Triggers of a query: a set of literals; every matching line contains at least one of them.

A query may have several such sets, and any one of them is enough: `error app17` has one for each word.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from logsrv.linelog.fields.stored_line import IN_STAMP
from logsrv.linelog.query.language.tree import (
    And,
    Compare,
    HasField,
    Node,
    Or,
    Term,
)
from logsrv.linelog.query.matching.candidates import candidate_of_query
from logsrv.linelog.query.matching.needs import AllOf, AnyOf, Literal, Need
from logsrv.linelog.query.matching.required import need_of_query


class Trigger(NamedTuple):
    """A literal in the message of a line, or with `anywhere` also in its stamp."""

    literal: Literal
    anywhere: bool = False


Triggers: TypeAlias = tuple[Trigger, ...]


def triggers_suffice(node: Node) -> bool:
    """Return whether exactly the lines with one trigger of each set in their message match."""
    return (
        all(map(_is_any_of_terms, node.parts)) if isinstance(node, And) else _is_any_of_terms(node)
    )


def _is_any_of_terms(node: Node) -> bool:
    if isinstance(node, Term):
        return bool(node.text) and "\n" not in node.text
    return isinstance(node, Or) and all(map(_is_any_of_terms, node.parts))


def trigger_choices(node: Node) -> list[Triggers]:
    """Return the sets of triggers to choose from; an empty list if any line may match."""
    if isinstance(node, And):
        return [choice for part in node.parts for choice in trigger_choices(part)]
    if isinstance(node, Or):
        parts = [
            max(trigger_choices(part), key=shortest_literal_size, default=None)
            for part in node.parts
        ]
        known = [part for part in parts if part is not None]
        return [_joined_triggers(known)] if len(known) == len(parts) else []
    if isinstance(node, (Compare, HasField)) and node.field in IN_STAMP:
        found = candidate_of_query(node)
        if isinstance(found, tuple):
            return [tuple(Trigger(one, anywhere=True) for one in found)]
        return []
    return _choices_of_need(need_of_query(node))


def shortest_literal_size(triggers: Triggers) -> int:
    """Return the size of the shortest literal in bytes: the longer, the rarer is a chance hit."""
    # Escapes are short, but rare.
    return min(
        (len(one.literal.text) for one in triggers if not one.literal.text.startswith(b"\\u")),
        default=0,
    )


def _choices_of_need(need: Need | None) -> list[Triggers]:
    if isinstance(need, Literal):
        return [(Trigger(need),)]
    if isinstance(need, AllOf):
        return [choice for part in need.parts for choice in _choices_of_need(part)]
    if isinstance(need, AnyOf):
        return [
            _joined_triggers(
                [max(_choices_of_need(part), key=shortest_literal_size) for part in need.parts]
            )
        ]
    return []


def _joined_triggers(parts: list[Triggers]) -> Triggers:
    return tuple(dict.fromkeys(one for part in parts for one in part))
