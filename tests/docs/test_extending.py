"""The list of extension points is whole, and leads to something: in the code, and on a page."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.python.reflect import namedAny
from zope.interface.interface import InterfaceClass

import logsrv

DOCS = Path(__file__).parents[2] / "docs"
# The name of each place, and the page that describes it.
ROW = re.compile(r"^- `([\w.]+\.(\w+))` \(\[.+\]\((.+)\)\): .+; .+$", re.MULTILINE)
PLACES = ROW.findall((DOCS / "kit-reference.md").read_text())
# Nobody but us provides these: they say what we need of Twisted's own objects.
OURS = {"IClientReactor", "IPausableTransport", "ISearchReactor"}


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(logsrv.__path__, "logsrv."):
        if ".template" not in module.name:
            yield module.name


def test_every_row_is_read() -> None:
    assert len(PLACES) == (DOCS / "kit-reference.md").read_text().count(".md)): ") >= 20


@pytest.mark.parametrize(("place", "name", "page"), PLACES)
def test_it_is_there_and_its_page_describes_it(place: str, name: str, page: str) -> None:
    assert namedAny(place) is not None
    assert f"`{name}" in (DOCS / page).read_text(), page


# Twisted Conch imports what Python takes away.
@pytest.mark.filterwarnings("ignore:'spwd' is deprecated:DeprecationWarning")
def test_every_interface_that_strangers_provide_is_listed() -> None:
    found = {
        value.__name__
        for module in modules()
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, InterfaceClass) and value.__module__.startswith("logsrv.")
    }
    assert {"IInput", "IProtocolPlugin"} <= found
    assert found - OURS == {name for _, name, _ in PLACES} & found
