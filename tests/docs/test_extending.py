"""The list of extension points is complete, and each one is in the code and on a page."""

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
ROW = re.compile(r"^\| `([\w.]+\.(\w+))` \(\[.+\]\((.+)\)\) \| .+ \| .+ \|$", re.MULTILINE)
PLACES = ROW.findall((DOCS / "kit-reference.md").read_text())
# Interfaces that no plugin provides: they say which methods logsrv needs of Twisted's objects.
OURS = {"IClientReactor", "IPausableTransport", "ISearchReactor"}


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(logsrv.__path__, "logsrv."):
        if ".template" not in module.name:
            yield module.name


def test_every_extension_point_of_the_page_is_checked():
    assert len(PLACES) == (DOCS / "kit-reference.md").read_text().count(".md)) | ") >= 9


@pytest.mark.parametrize(("place", "name", "page"), PLACES)
def test_an_extension_point_exists_and_page_describes_it(place, name, page):
    assert namedAny(place) is not None
    assert f"`{name}" in (DOCS / page).read_text(), page


# Twisted Conch imports a module that newer Pythons remove.
@pytest.mark.filterwarnings("ignore:'spwd' is deprecated:DeprecationWarning")
def test_every_interface_that_plugins_provide_is_listed():
    found = {
        value.__name__
        for module in modules()
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, InterfaceClass) and value.__module__.startswith("logsrv.")
    }
    assert {"IInput", "IProtocolPlugin"} <= found
    assert found - OURS == {name for _, name, _ in PLACES} & found
