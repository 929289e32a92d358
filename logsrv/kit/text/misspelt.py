"""Finds misspelt names in an author's class: such a name looks like a name of the base class, and has no
effect.

A name that the class itself uses is a helper, whatever it looks like.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import get_annotations, isfunction, unwrap
from types import CodeType
from typing import Any

from logsrv.errors import ConfigurationError

# Shorter names are too near to other words.
_SHORTEST = 7
_PACKAGES = ("logsrv.", "twisted.", "zope.")


def check_spelling(made: type[Any]) -> None:
    """Raise ConfigurationError if an author's class has a name that looks like a misspelt name of its base
    class.

    Nothing is checked if the class is of this package, or has no base in it.
    """
    bases = [one for one in made.__mro__ if one.__module__.startswith("logsrv.")]
    if not bases or bases[0] is made:
        return
    own = names_of_author(made)
    declared = {name for one in bases for name in get_annotations(one)}
    ours = sorted(name for name in {*dir(bases[0]), *declared} if not name.startswith("_"))
    used = {name for one in own.values() for name in names_used(one)}
    for name in own.keys() - ours - used:
        meant = next((one for one in ours if one not in own and is_typo(name, one)), None)
        if meant is not None:
            raise ConfigurationError(
                f"{made.__name__}.{name} would never be used; did you mean {meant}?"
            )


def names_of_author(made: type[Any]) -> dict[str, Any]:
    """Return those attributes of a class that the author has written, in this class or in a base class."""
    found: dict[str, Any] = {}
    for one in reversed(made.__mro__):
        module = f"{one.__module__}."
        # Authors may write whole plugins in twisted/plugins.
        if module.startswith(_PACKAGES) and not module.startswith("twisted.plugins."):
            found = {name: value for name, value in found.items() if name not in vars(one)}
        elif one.__module__ not in sys.stdlib_module_names:
            found |= vars(one)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def names_used(value: Any) -> Iterator[str]:
    """Yield the names that a method or a property uses, also in the functions inside it."""
    parts = [value, *(getattr(value, one, None) for one in ("__func__", "fget", "fset", "fdel"))]
    codes = [unwrap(one).__code__ for one in parts if isfunction(one)]
    while codes:
        code = codes.pop()
        yield from code.co_names
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]


def is_typo(name: str, ours: str) -> bool:
    """Return whether `name` is `ours` with a small mistake: capitals and underscores aside, both are equal,
    or one of them has one letter more.

    Two letters in the wrong order are such a mistake, too. One letter in place of another often makes
    another word.
    """
    one, other = folded(name), folded(ours)
    return one == other or (len(ours) >= _SHORTEST and edit_distance(one, other, replacing=2) <= 1)


def folded(name: str) -> str:
    """Return a name in lower case, without underscores."""
    return name.lower().replace("_", "")


def edit_distance(one: str, other: str, replacing: int = 1) -> int:
    """Return the number of steps that turn `one` into `other`: add, remove or replace a letter, or swap it
    with the next.

    replacing: what a replaced letter counts.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row, last = row, [at], before
        for to, wanted in enumerate(other, 1):
            row.append(
                min(row[-1] + 1, before[to] + 1, before[to - 1] + replacing * (letter != wanted))
            )
            swapped = at > 1 and to > 1 and one[at - 2 : at] == wanted + other[to - 2]
            if swapped:
                row[-1] = min(row[-1], last[to - 2] + 1)
    return row[-1]
