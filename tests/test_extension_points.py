"""The list of extension points is whole, and leads to something: in the code, and on a page."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.python.reflect import namedAny
from zope.interface.interface import InterfaceClass

import logsrv
from logsrv.extension_points import EXTENSION_POINTS, ExtensionPoint

DOCS = Path(__file__).parent.parent / "docs"
POINTS = [point for subject in EXTENSION_POINTS for point in subject.points]
# Nobody but us provides these: they say what we need of Twisted's own objects.
OURS = {"IClientReactor", "IPausableTransport"}


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(logsrv.__path__, "logsrv."):
        if ".template" not in module.name:
            yield module.name


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.where)
def test_it_is_there(point: ExtensionPoint) -> None:
    assert namedAny(point.where.replace(":", ".")) is not None


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.where)
def test_its_page_describes_it(point: ExtensionPoint) -> None:
    assert f"`{point.name}" in (DOCS / point.page).read_text(), point.page


def test_every_interface_that_strangers_provide_is_listed() -> None:
    found = {
        value.__name__
        for name in modules()
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, InterfaceClass) and value.__module__.startswith("logsrv.")
    }
    assert {"IInput", "IProtocolPlugin"} <= found
    assert found - OURS == {point.name for point in POINTS} & found
