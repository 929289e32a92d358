"""Opens a store with the stores of rules in it, for whoever reads them as one.

Most stores have no others in them: then it is the plain view of one store, as if there were no rules.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from logsrv.lazy_names import later_module
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import store_errors
from logsrv.linelog.store.segment import number_of_store

if TYPE_CHECKING:
    from logsrv.linelog.read import stores_search
    from logsrv.linelog.store import rule_stores
else:
    # Most stores have no others in them, and their searches start sooner without these.
    rule_stores = later_module("logsrv.linelog.store.rule_stores")
    stores_search = later_module("logsrv.linelog.read.stores_search")


def stores_in(directory: str) -> dict[int, str]:
    """Return a store and the stores of rules in it, by their numbers in positions. Raises StoreError."""
    found = {0: directory}
    if os.path.lexists(os.path.join(directory, "stores")):
        with store_errors(f"{directory} cannot be read"):
            places = rule_stores.rule_stores(directory)
        found |= {number_of_store(name): place for name, place in places.items()}
    return found


def open_all_stores(directory: str, tell: Callable[[str], None]) -> View:
    """Open a store with those of rules in it. tell: as for `View`. Raises StoreError."""
    found = stores_in(directory)
    if len(found) == 1:
        return View(directory, tell, away=True)

    def open_view(name: str) -> View:
        begin = "" if name == directory else f"{os.path.relpath(name, directory)}: "
        return View(name, lambda said: tell(begin + said), away=True)

    several: View = stores_search.StoresView(found, open_view, tell)
    return several
