"""Findings of the doctor: what is wrong, what that means for the lines, and what to do."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs


class Weight(enum.Enum):
    """The weight of a finding.

    LOST: lines cannot be read. DAMAGED: all lines can be read, and something else is wrong. NOTE: nothing
    is wrong, and it is good to know.
    """

    LOST = "lost"
    DAMAGED = "damaged"
    NOTE = "note"


@attrs.frozen
class Remedy:
    """A way to put right what was found. make: does it; raises OSError, ValueError and StoreError.

    beside_server: may be done while a server has the store.
    """

    make: Callable[[], object]
    beside_server: bool = False


@attrs.frozen
class StoreFinding:
    """A thing that was found.

    kind: a word for programs. name: of the file, or of several. what, means, advice: sentences. lines: so
    many cannot be read; None where nobody knows.
    """

    weight: Weight
    kind: str
    name: str
    what: str
    means: str
    advice: str = ""
    lines: int | None = None
    remedy: Remedy | None = attrs.field(default=None, eq=False, repr=False)


def lost(kind: str, name: str, what: str, means: str, advice: str, **more: object) -> StoreFinding:
    """Return a finding that lines cannot be read."""
    return StoreFinding(Weight.LOST, kind, name, what, means, advice, **more)  # type: ignore[arg-type]


def damaged(
    kind: str, name: str, what: str, means: str, advice: str, remedy: Remedy | None = None
) -> StoreFinding:
    """Return a finding that something is wrong, and all lines can be read."""
    return StoreFinding(Weight.DAMAGED, kind, name, what, means, advice, 0, remedy)


def note(kind: str, name: str, what: str, means: str, advice: str = "") -> StoreFinding:
    """Return a finding with which nothing is wrong."""
    return StoreFinding(Weight.NOTE, kind, name, what, means, advice, 0)
