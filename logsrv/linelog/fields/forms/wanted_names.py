"""The names of the fields that are wanted from the lines of a text, and which lines may have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple


class WantedNames(NamedTuple):
    """The names of wanted fields.

    in_objects, in_headers: those that JSON objects and headers of the text may have. parts: each content
    that has a field has one of these, or begins with one of `beginnings`. has_pairs: whether pairs may have
    a field.
    """

    names: frozenset[str]
    in_objects: frozenset[str]
    in_headers: frozenset[str]
    parts: tuple[bytes, ...]
    has_pairs: bool
    beginnings: tuple[bytes, ...]

    @property
    def in_contents(self) -> bool:
        """Tell whether contents may have a field."""
        return bool(self.parts or self.beginnings)

    def numbers_of(self, contents: Sequence[bytes]) -> Sequence[int]:
        """Return the indexes of contents that may have a field."""
        indexes: set[int] = set()
        for part in self.parts:
            some = [at for at, content in enumerate(contents) if part in content]
            if len(some) == len(contents):
                return some
            indexes.update(some)
        if self.beginnings:
            indexes.update(
                at for at, content in enumerate(contents) if content.startswith(self.beginnings)
            )
        return sorted(indexes)


@lru_cache(maxsize=1000)
def keys_leading_to(names: Collection[str], prefix: str) -> tuple[str, ...]:
    """Return the keys that may lead to a name, in an object whose own name is `prefix`."""
    found = set()
    for name in names:
        if name.startswith(prefix):
            inner = name[len(prefix) :]
            found.add(inner)
            found.update(inner[:at] for at, letter in enumerate(inner) if letter == ".")
    return tuple(sorted(found))
