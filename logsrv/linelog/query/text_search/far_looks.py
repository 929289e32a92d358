r"""Expressions with which a search for all matches may read the same text again and again.

RE2 reads a text once to find one match, but it may read far behind the end of that match, because a longer
one could come: in a line of a's, `a(.*b)?` reads to the end of the line at each a. So all matches of a line
take time by the square of its length.

A search reads on behind a match only as long as a repetition without limit goes on. No harm is in

- one at the very end, as in `password=\S+` or `\d{4}|pin=\w+`: while it goes on, so does the match
- one of a single character, through which every match goes, as in `[\w.]+@\w+\.\w+`: where a later match
  leaves it, in the text that was read, the earlier one could have left it, too, and would be longer then.
"""

from __future__ import annotations

import re
from enum import Flag, auto
from functools import reduce
from operator import and_

from logsrv.linelog.query.text_search.pattern_fold import fold_pattern


class _Item(Flag):
    """A part of a pattern: its size, and where it does no harm."""

    IS_ONE = auto()
    """It is one character at most."""
    IS_SHORT = auto()
    """It is a text of limited length."""
    IN_MIDDLE = auto()
    """It may stand anywhere, if every match goes through it."""
    AT_END = auto()
    """It may stand at the end, if every match goes through it."""
    ENDS_BRANCH = auto()
    """It may end a branch at the end, through which only some matches go."""


_FAR = _Item(0)
_LAST = _Item.AT_END | _Item.ENDS_BRANCH
_RUN = _LAST | _Item.IN_MIDDLE
_SHORT = _RUN | _Item.IS_SHORT
_ONE = _SHORT | _Item.IS_ONE


def may_look_far(exact: str) -> bool:
    """Return whether to find all matches of an `exact` pattern may take more than linear time."""
    whole = fold_pattern(exact, values=_items_of, repeated=_repeated, either=_either)
    return _Item.AT_END not in whole


def _items_of(token: re.Match[str]) -> tuple[_Item]:
    is_text = token.lastgroup in ("plain", "quoted") and len(token[0]) > 1
    return (_SHORT if is_text else _ONE,)


def _repeated(item: _Item, token: re.Match[str]) -> _Item:
    is_optional = token[0][0] == "?"
    if _Item.IS_SHORT in item:
        is_endless = token[0][0] in "*+" or (token["more"] is not None and not token["most"])
        return _SHORT if not is_endless else _RUN if _Item.IS_ONE in item else _LAST
    return _LAST if is_optional and _Item.ENDS_BRANCH in item else _FAR


def _either(branches: list[list[_Item]]) -> _Item:
    """Return the item that is one of these sequences of items."""
    items = [_sequence(branch) for branch in branches]
    common = reduce(and_, items)
    if len(items) == 1 or _Item.IS_SHORT in common:
        return common
    return _LAST if _Item.ENDS_BRANCH in common else _FAR


def _sequence(items: list[_Item]) -> _Item:
    if len(items) == 1:
        return items[0]
    *before, last = items or [_ONE]
    common = reduce(and_, before, _SHORT)
    found = last & common & (_Item.IS_SHORT | _Item.IN_MIDDLE)
    if _Item.IN_MIDDLE in common:
        found |= last & _Item.AT_END
    if _Item.IS_SHORT in common:
        found |= last & _Item.ENDS_BRANCH
    return found
