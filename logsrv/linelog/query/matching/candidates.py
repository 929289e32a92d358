"""Candidates: one pass over a megabyte looks for these, so that Python reads only few lines.

A candidate is a literal or an expression that every matching line contains; other lines may contain it
too. `shapes.py` makes the candidates of fields.
"""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.linelog.query.language.size import LARGEST_EXPRESSIONS, most_re2_instructions
from logsrv.linelog.query.language.tree import (
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Or,
    Regex,
    Term,
)
from logsrv.linelog.query.matching.expression import compile_expression
from logsrv.linelog.query.matching.literals import (
    SHORTEST,
    Candidate,
    Literals,
    as_single_literal,
    pattern_of_candidate,
)
from logsrv.linelog.query.matching.needs import AllOf, AnyOf, Literal, Need, need_of_text
from logsrv.linelog.query.matching.shapes import candidate_of_comparison

# More literals are joined to one expression. A search for each of a few is five times as fast.
_MOST_LITERALS = 4


def candidate_of_query(node: Node) -> Candidate | None:
    """Return the candidate of a query, or None if any line may match."""
    if isinstance(node, Term):
        return as_single_literal(need_of_text(node.text))
    if isinstance(node, (Regex, Extracted)):
        return _candidate_of_regex(node.pattern)
    if isinstance(node, (Compare, HasField)):
        # `field=*` has the candidate of any `field!=…`: both only need the field.
        return candidate_of_comparison(
            node if isinstance(node, Compare) else Compare(node.field, "!=", "\n")
        )
    if isinstance(node, And):
        found = [candidate_of_query(part) for part in node.parts]
        return max(
            (one for one in found if one is not None), key=_shortest_literal_size, default=None
        )
    if isinstance(node, Or):
        return _candidate_of_either([candidate_of_query(part) for part in node.parts])
    return None


def _shortest_literal_size(found: Candidate) -> int:
    return 1 if isinstance(found, str) else min(len(one.text) for one in found)


def _candidate_of_either(found: list[Candidate | None]) -> Candidate | None:
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    literals = tuple(
        dict.fromkeys(one for some in known if not isinstance(some, str) for one in some)
    )
    if len(literals) <= _MOST_LITERALS and not any(isinstance(one, str) for one in known):
        return literals
    patterns = [pattern_of_candidate(one) for one in known]
    if None in patterns:
        return None

    joined = "|".join(dict.fromkeys(f"(?:{pattern})" for pattern in patterns))
    # A larger expression is slower than a test of every line.
    return joined if most_re2_instructions(joined) <= LARGEST_EXPRESSIONS else None


def _candidate_of_regex(pattern: str) -> Candidate:
    found = compile_expression(pattern)
    # The best set has the longest texts, which are rare, and few: each text costs a pass.
    best = max(
        _literal_sets_of_need(found.need),
        key=lambda some: _shortest_literal_size(some) / len(some),
        default=(),
    )
    if not best or _shortest_literal_size(best) < SHORTEST or (len(best) > 1 and found.begins):
        return found.in_text
    return best


def _literal_sets_of_need(need: Need | None) -> Iterator[Literals]:
    """Yield sets of literals; a matching line contains at least one of each set."""
    for part in need.parts if isinstance(need, AllOf) else (need,):
        if isinstance(part, Literal):
            yield (part,)
        elif isinstance(part, AnyOf) and len(part.parts) <= _MOST_LITERALS:
            literals = tuple([one for one in part.parts if isinstance(one, Literal)])
            if len(literals) == len(part.parts):
                yield literals
