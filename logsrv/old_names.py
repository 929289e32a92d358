"""Arguments under their names of earlier releases: the page on compatibility says that they are accepted.

    @accepts_old_argument("place", "reference")
    @attrs.frozen
    class InputFormat:
        name: str
        reference: str

`InputFormat("gelf", place="…")` then works and warns, and so does `.place`. A FutureWarning is for people
who run a program: Python shows it, unlike a DeprecationWarning, wherever the old name is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_Class = TypeVar("_Class", bound=type[Any])
_Function = TypeVar("_Function", bound=Callable[..., Any])


def accepts_old_argument(old: str, new: str) -> Callable[[_Class], _Class]:
    """Return a decorator of a class: an argument and attribute of it also has its old name."""

    def decorate(made: _Class) -> _Class:
        made.__init__ = with_old_argument(old, new, made.__name__)(made.__init__)

        def read(self: Any) -> Any:
            _warn(f"{old} of {made.__name__}", new)
            return getattr(self, new)

        setattr(made, old, property(read, doc=f"The old name of `{new}`."))
        return made

    return decorate


def with_old_argument(old: str, new: str, owner: str) -> Callable[[_Function], _Function]:
    """Return a decorator of a function: an argument also has its old name. owner: for the warning."""

    def decorate(function: _Function) -> _Function:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            if old in named:
                _warn(f"{old}= of {owner}", f"{new}=")
                named[new] = named.pop(old)
            return function(*arguments, **named)

        return call  # type: ignore[return-value]

    return decorate


def _warn(old: str, new: str) -> None:
    # The caller of the function, or the reader of the attribute.
    warnings.warn(f"{old} is called {new} now", FutureWarning, stacklevel=3)
