"""The base of values: made once, equal by what is in them, copied with changes by `replace`.

attrs would do all of this, and take longer to load than `gopher URL` may take in all: 32 of 78 ms.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Value:
    """A class with slots, which its `__init__` takes by the same names. Nobody changes one later."""

    __slots__: tuple[str, ...] = ()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with `changes`."""
        return type(self)(**{name: getattr(self, name) for name in self.__slots__} | changes)

    def _content(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        content = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({content})"
