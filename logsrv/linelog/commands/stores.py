"""Opening the store, or the stores, that a reading command reads, and searching them."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from logsrv.cli.arguments import named_stores, tell
from logsrv.errors import StoreError, UsageError
from logsrv.kit.plugins import load_object
from logsrv.kit.text.words import listed
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View


def several_stores(arguments: Namespace) -> tuple[str, ...]:
    """Return the names of the stores to read, each once, if there are several; else none."""
    found = _stores_to_read(arguments)
    return found if len(found) > 1 else ()


def _stores_to_read(arguments: Namespace) -> tuple[str, ...]:
    """Return the names of the stores to read, each once: of an archive, the URLs of all of its stores."""
    names: dict[str, str] = {}
    for named in named_stores(arguments):
        for name in _sources().stores_at(named) if "://" in named else (named,):
            names.setdefault(os.path.realpath(name), name)
    return tuple(names.values())


def require_one_store(arguments: Namespace, why: str) -> None:
    """Raise UsageError if several stores are to be read."""
    if found := several_stores(arguments):
        raise UsageError(f"{why}; --directory names several here: {listed(found)}")


def open_view(arguments: Namespace, command: str) -> View:
    """Open the stores or archives to read; damage is reported on stderr.

    Raises StoreError and ArchiveError.
    """

    def warn(sentence: str) -> None:
        tell(f"logsrv {command}: {sentence}")

    def open_of_several(name: str) -> View:
        return _open_store(
            name, lambda said: warn(said if said.startswith(f"{name}/") else f"{name}: {said}")
        )

    if names := several_stores(arguments):
        several: View = _stores_search().StoresView(names, open_of_several, warn)
        return several
    return _open_store(_stores_to_read(arguments)[0], warn)


def make_search(view: View, matcher: Matcher, scope: Scope, *, with_index: bool = True) -> Search:
    """Return the search of one store, or of several."""
    if not view.names:
        return Search(view, matcher, scope, with_index=with_index)
    several: Search = _stores_search().StoresSearch(view, matcher, scope, with_index=with_index)
    return several


def _stores_search() -> Any:
    # Most questions are of one store; they need not load this.
    from logsrv.linelog.read import stores_search

    return stores_search


def _sources() -> Any:
    # Most stores are here; their searches need not load this.
    from logsrv.linelog.read import sources

    return sources


def _open_store(directory: str, warn: Callable[[str], None]) -> View:
    if "://" in directory:
        try:
            source = _sources().source_of(directory)
        except ValueError as error:
            raise StoreError(str(error)) from None
        away: View = load_object(source.view)(directory, warn)
        return away
    view = View(directory, warn, away=True)
    view.report_odd_names()
    return view
