"""Restricts a view to the lines that its reader may see (see `only.py`).

It is apart from `only.py`, which every search imports, because it searches.
"""

from __future__ import annotations

from contextlib import closing
from functools import cache, partial

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import Node
from logsrv.linelog.read.only import parse_only
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.times import time_of


def restrict(view: View, text: str) -> None:
    """Let a view have only the lines that fulfil a condition; "" for all. Raises QueryError."""
    only = parse_only(text)
    if only is not None:
        view.only = only
        view.seen_span = cache(partial(_time_span, view, only))


def _time_span(view: View, only: Node) -> tuple[str, str]:
    """Return the times of the first and the last line that the reader may see; "" if there is none.

    A line between them may be older or newer, as times of a segment without index are approximate, too.
    """
    found: list[str] = []
    for one in view.by_store.values():
        for reverse in (False, True):
            with closing(Search(one, make_matcher(only), Scope(), processes=1)) as search:
                hit = next(search.hits(reverse=reverse), None)
            found += [time_of(hit.line + b"\n") or ""] if hit else []
    return min(found, default=""), max(found, default="")
