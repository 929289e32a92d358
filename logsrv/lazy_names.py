"""Packages whose names are loaded when they are first used.

The names of such a package are listed once, in the stub beside it: `__init__.pyi`, which type checkers
read in its place. Each line of it is `from MODULE import NAME as NAME`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def lazy_names(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package (PEP 562).

    `__all__ = __dir__()` lets a star import them too; `help` then shows everything about each.
    """
    modules: dict[str, str] = {}

    def names() -> list[str]:
        if not modules:
            [folder] = sys.modules[package].__path__
            with open(os.path.join(folder, "__init__.pyi"), encoding="utf-8") as stub:
                for line in stub:
                    # Sections of imports have blank lines between them.
                    if line.startswith("from "):
                        _, module, _, name, *_ = line.split()
                        modules[name] = module
        return sorted(modules)

    def load(name: str) -> object:
        if name.startswith("__") or name not in names():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(__import__(modules[name], fromlist=[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load, names
