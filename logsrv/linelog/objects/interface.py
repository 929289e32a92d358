"""The interface of a directory or a bucket: objects with names, written once, and read in parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, Protocol

from logsrv.errors import LogsrvError


class Archive(Protocol):
    """A directory or a bucket. Each method may raise ArchiveError, and may block for minutes.

    address: its address, for messages.
    """

    address: str

    def names(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the names of all objects that begin with `prefix`, which ends in a slash.

        after: a name that begins with `prefix`; only names that sort after it are returned.
        """

    def sizes(self, prefix: str, after: str = "", until: str = "") -> dict[str, int]:
        """Return the same names, each with the size of its object in bytes.

        until: return only names that sort before this one; "" for no limit.
        """

    def top_folders(self) -> list[str]:
        """Return the parts before the first slash in the names of objects."""

    def create(self, name: str, pieces: Iterable[bytes]) -> None:
        """Make an object of these pieces; it is complete and durable on return. A failure leaves no object.

        Raises ObjectExists if the name is taken, and whatever `pieces` raises.
        """

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is no error."""

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        """Return `size` bytes of an object from offset `at` on, fewer at its end; -1 means up to its end.

        Raises ObjectMissing.
        """


class ArchiveError(LogsrvError):
    """A failed operation on an archive; the message is one sentence.

    settled: whether the cause will not go away by itself.
    """

    def __init__(self, why: str, *, settled: bool = False) -> None:
        super().__init__(why)
        self.settled = settled


class ObjectExists(ArchiveError):
    """An object of that name exists already."""


class ObjectMissing(ArchiveError):
    """There is no object of that name."""


class ChangedObject(ArchiveError):
    """An object of an archive is not what was archived."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(
            f"{name} in {address} is not what was archived: it was changed or damaged there, and is not"
            " read; put it back from a copy",
            settled=True,
        )


class UnusableArchive:
    """An archive that cannot be used here: each operation raises ArchiveError with the reason."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.why = why

    def _raise(self, *_: object) -> NoReturn:
        raise ArchiveError(self.why, settled=True)

    names = sizes = top_folders = create = remove = read = _raise
