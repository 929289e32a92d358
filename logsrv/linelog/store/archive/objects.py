"""An archive as its users see it: objects with names, each written once and read in parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, Protocol

from logsrv.errors import LogsrvError


class Archive(Protocol):
    """A directory or a bucket. Each method raises ArchiveError, and may take long.

    place: where it is, for people to read.
    """

    place: str

    def names(self, prefix: str = "", behind: str = "") -> list[str]:
        """Return the names of all objects whose names begin with `prefix`, which ends in a slash.

        behind: only those that come behind this name, which begins with `prefix` as well.
        """

    def sizes(self, prefix: str, behind: str = "", until: str = "") -> dict[str, int]:
        """Return the same names with the bytes of each; `until`: only those that come before it."""

    def folders(self) -> list[str]:
        """Return what stands before the first slash in the names of objects."""

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


class UnusableArchive:
    """An archive that nothing can be asked of here: each try says why."""

    def __init__(self, place: str, why: str) -> None:
        self.place = place
        self.why = why

    def _raise(self, *_: object) -> NoReturn:
        raise ArchiveError(self.why, settled=True)

    names = sizes = folders = create = remove = read = _raise
