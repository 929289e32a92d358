"""An archive as its users see it: objects with names, each written once and read in parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from logsrv.errors import LogsrvError


class Archive(Protocol):
    """A directory or a bucket. Each method raises ArchiveError, and may take long.

    place: where it is, for people to read.
    """

    place: str

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects whose names begin with `prefix`, which ends in a slash."""

    def create(self, name: str, pieces: Iterable[bytes]) -> None:
        """Make an object, which is there complete and for good on return, or not at all.

        Raises ObjectExists, and whatever `pieces` raises.
        """

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        """Return `size` bytes of an object from `at` on, or all; fewer at its end.

        Raises ObjectMissing.
        """


class ArchiveError(LogsrvError):
    """An archive does not do what is asked of it now; one sentence.

    settled: the reason is nothing that goes away by itself.
    """

    def __init__(self, why: str, *, settled: bool = False) -> None:
        super().__init__(why)
        self.settled = settled


class ObjectExists(ArchiveError):
    """There is an object of that name."""


class ObjectMissing(ArchiveError):
    """There is no object of that name."""


class ChangedObject(ArchiveError):
    """An object of an archive is not what was archived."""

    def __init__(self, place: str, name: str) -> None:
        super().__init__(
            f"{name} in {place} is not what was archived: it was changed or damaged there, and is not"
            " read; put it back from a copy",
            settled=True,
        )
