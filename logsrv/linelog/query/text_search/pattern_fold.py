"""A value of a whole pattern, made of the values of its parts: its groups, branches and repetitions.

`byte_runs.py` and `far_looks.py` each have a kind of value. They read the `exact` pattern that
`pattern_reader.py` writes, so no part is written in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from logsrv.linelog.query.text_search.engine import TOKEN

Value = TypeVar("Value")


def fold_pattern(
    exact: str,
    *,
    values: Callable[[re.Match[str]], Iterable[Value]],
    repeated: Callable[[Value, re.Match[str]], Value],
    either: Callable[[list[list[Value]]], Value],
) -> Value:
    """Return the value of an `exact` pattern.

    values: returns those of a token that is neither a bracket of a group, a repetition nor a `|`. repeated:
    gets the value of a part, and the token of its repetition. either: gets the branches of a group, each of
    them the values of its parts in order.
    """
    # For each open group its branches.
    groups: list[list[list[Value]]] = [[[]]]
    for token in TOKEN.finditer(exact):
        branch = groups[-1][-1]
        match token.lastgroup:
            case "open":
                groups.append([[]])
            case "close":
                groups[-2][-1].append(either(groups.pop()))
            case "repeat":
                branch.append(repeated(branch.pop(), token))
            case _ if token[0] == "|":
                groups[-1].append([])
            case _:
                branch += values(token)
    return either(groups[0])
