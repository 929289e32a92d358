r"""Whether a search for all matches of an expression may read the same text again and again.

RE2 reads a text once to find one match, but it may read far behind the end of that match, because a longer
one could come: in a line of a's, `a(.*b)?` reads to the end of the line at each a. So all matches of a line
take time by the square of its length.

A search reads on behind a match only as long as a repetition without limit goes on. No harm is in

- one at the very end, as in `password=\S+` or `\d{4}|pin=\w+`: while it goes on, so does the match
- one of a single character, through which every match goes, as in `[\w.]+@\w+\.\w+`: where a later match
  leaves it, in the text that was read, the earlier one could have left it, too, and would be longer then.
"""

from __future__ import annotations

from typing import NamedTuple

from logsrv.linelog.query.text_search.engine import TOKEN


class _Item(NamedTuple):
    """A part of a pattern, and where it does no harm.

    is_one, is_short: whether it is one character at most, or a text of limited length. in_middle, at_end:
    whether it may stand anywhere, or at the end, if every match goes through it. ends_branch: whether it
    may end a branch at the end, through which only some matches go.
    """

    is_one: bool = False
    is_short: bool = False
    in_middle: bool = False
    at_end: bool = False
    ends_branch: bool = False


_ONE = _Item(True, True, True, True, True)
_SHORT = _ONE._replace(is_one=False)
_RUN = _SHORT._replace(is_short=False)
_LAST = _RUN._replace(in_middle=False)
_FAR = _Item()


def may_look_far(exact: str) -> bool:
    """Return whether to find all matches of an `exact` pattern may take more than linear time."""
    # For each open group its branches, each of them the items in order.
    groups: list[list[list[_Item]]] = [[[]]]
    for token in TOKEN.finditer(exact):
        kind, text = token.lastgroup, token[0]
        branch = groups[-1][-1]
        if kind == "open":
            groups.append([[]])
        elif kind == "close":
            groups[-2][-1].append(_either(groups.pop()))
        elif kind == "repeat":
            is_endless = text[0] in "*+" or (token["more"] is not None and not token["most"])
            branch.append(_repeated(branch.pop(), is_endless, is_optional=text[0] == "?"))
        elif text == "|":
            groups[-1].append([])
        else:
            branch.append(_SHORT if kind in ("plain", "quoted") and len(text) > 1 else _ONE)
    return not _either(groups[0]).at_end


def _repeated(item: _Item, is_endless: bool, is_optional: bool) -> _Item:
    if is_endless and item.is_short:
        return _RUN if item.is_one else _LAST
    if is_optional and not item.is_short:
        return _LAST if item.ends_branch else _FAR
    return _SHORT if item.is_short else _FAR


def _either(branches: list[list[_Item]]) -> _Item:
    """Return the item that is one of these sequences of items."""
    items = [_sequence(branch) for branch in branches]
    if len(items) == 1:
        return items[0]
    if all(item.is_short for item in items):
        return _ONE if all(item.is_one for item in items) else _SHORT
    return _LAST if all(item.ends_branch for item in items) else _FAR


def _sequence(items: list[_Item]) -> _Item:
    if len(items) == 1:
        return items[0]
    *before, last = items or [_ONE]
    is_short = all(item.is_short for item in before)
    is_middle = all(item.in_middle for item in before)
    return _Item(
        is_short=is_short and last.is_short,
        in_middle=is_middle and last.in_middle,
        at_end=is_middle and last.at_end,
        ends_branch=is_short and last.ends_branch,
    )
