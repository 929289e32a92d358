"""Public packages that load a name when it is first used (PEP 562), and modules that load later.

`logsrv.kit` and `logsrv.inputs`, so that a plugin file slows a start hardly at all;
`logsrv.linelog.lines`, so that a process that ships blocks needs no numpy; `logsrv.kit.testing`; and
`logsrv.gopher`, so that a program that only calls `urlopen` never imports Twisted. The names are listed
only in the stub of each package, `__init__.pyi`, for type checkers too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    Its stub has lines `from MODULE import NAME as NAME`.
    """

    @cache
    def modules() -> dict[str, str]:
        [folder] = sys.modules[package].__path__
        with open(os.path.join(folder, "__init__.pyi"), encoding="utf-8") as stub:
            words = (line.split() for line in stub if line.startswith("from "))
            return {each[3]: each[1] for each in words}

    def names() -> list[str]:
        return sorted(modules())

    def load(name: str) -> object:
        # For `from … import *`. pydoc asks for it too, and would then print all about every name.
        if name == "__all__" and sys._getframe(1).f_globals.get("__name__") != "pydoc":
            return names()
        # Python asks for names such as __path__ while it imports a module of the package.
        if name.startswith("__") or name not in modules():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules()[name]), name)

    return load, names


class _LaterModule:
    """Stands for a module, which is imported when a name of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


def later_module(name: str) -> Any:
    """Return what stands for a module until a name of it is asked for; only then is it imported.

    For modules that load much, at the top of one that should load fast; type checkers see the real one:

        if TYPE_CHECKING:
            from logsrv.linelog.read.figures import groups
        else:
            groups = later_module("logsrv.linelog.read.figures.groups")
    """
    return _LaterModule(name)
