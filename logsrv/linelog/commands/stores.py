"""Opening the store, or the stores, that a reading command reads, and searching them."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

from logsrv.cli.arguments import named_stores, tell
from logsrv.errors import StoreError, UsageError
from logsrv.kit.plugins import load_object
from logsrv.kit.text.words import listed
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.all_stores import stores_in
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position


def several_stores(arguments: Namespace) -> tuple[str, ...]:
    """Return the names of the stores to read, each once, if a command line names several; else none.

    They are in the order of their numbers, which begin at 1; with those of rules in them.
    """
    return tuple(_stores_to_read(arguments).values()) if len(_named_stores(arguments)) > 1 else ()


def _named_stores(arguments: Namespace) -> tuple[str, ...]:
    """Return the names of the stores to read, each once: of an archive, the URLs of all of its stores."""
    names: dict[str, str] = {}
    for named in named_stores(arguments):
        for name in _sources().stores_at(named) if "://" in named else (named,):
            names.setdefault(os.path.realpath(name), name)
    return tuple(names.values())


def _stores_to_read(arguments: Namespace) -> dict[int, str]:
    """Return the names of the stores to read, by their numbers in positions.

    Positions tell the store of a rule by its name, but not which of several stores a command line names.
    """
    named = _named_stores(arguments)
    found = [{0: name} if "://" in name else stores_in(name) for name in named]
    if len(found) == 1:
        return found[0]
    # A store may be named both by itself and by the one in which it is.
    places = {os.path.realpath(place): place for some in found for place in some.values()}
    return dict(enumerate(places.values(), 1))


def require_one_store(arguments: Namespace, why: str) -> None:
    """Raise UsageError if a command line names several stores; those of rules are in the one it names."""
    if found := several_stores(arguments):
        raise UsageError(f"{why}; --directory names several here: {listed(found)}")


def open_view(arguments: Namespace, command: str, *, several: bool = False) -> View:
    """Open the stores or archives to read; damage is reported on stderr.

    several: whether stores may come later, so that it is a view of several in any case. Raises StoreError
    and ArchiveError.
    """

    def warn(sentence: str) -> None:
        tell(f"logsrv {command}: {sentence}")

    def open_of_several(name: str) -> View:
        return _open_store(
            name, lambda said: warn(said if said.startswith(f"{name}/") else f"{name}: {said}")
        )

    names = _stores_to_read(arguments)
    if len(names) > 1 or several:
        one = partial(_open_store, warn=warn)
        view: View = _stores_search().StoresView(
            names, open_of_several if len(names) > 1 else one, warn
        )
        return view
    return _open_store(names[0], warn)


def store_of_position(view: View, position: Position) -> View:
    """Return the view of the store that a position names. Raises UsageError if it is not there."""
    if not view.names and not position.store:
        return view
    if view.names and position.store in view.stores:
        return view.by_store[position.store]
    named = str(position).rpartition("/")[0]
    raise UsageError(f"there is no store {named} here: {position}")


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
