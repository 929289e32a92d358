"""Putting a file among the objects of an address: written once, then read back and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from logsrv.kit.text.words import counted
from logsrv.linelog.objects.interface import Archive, ArchiveError, ObjectExists
from logsrv.linelog.store.notes.digest import PIECE, FileDigest, size_and_sha256

T = TypeVar("T")


class PuttingCancelled(Exception):
    """The work was stopped because the process ends, or because nobody waits for the result any more."""


class OtherSegment(ArchiveError):
    """The archive has a different segment under the name of this one."""


class ErasedThere(OtherSegment):
    """The archive has lines erased that the store still has: they must not get back there."""

    def __init__(self, address: str, segment: str, lines: int) -> None:
        super().__init__(
            # The remedy first: a message is cut somewhere, and an address may be long.
            f"`logsrv erase --finish --everywhere` has to come first: {counted(lines, 'line')} of segment"
            f" {segment} are erased in {address}, and this store still has them, as it was restored from an"
            " earlier copy; nothing is replaced there"
        )


def put_file(
    archive: Archive,
    name: str,
    pieces: Iterator[bytes],
    wanted: FileDigest,
    going: Callable[[], bool],
) -> bool:
    """Put a file into an archive unless the name is taken; return whether the archive has this content."""
    with suppress(ObjectExists):
        archive.create(name, cancellable_pieces(pieces, going))
    there = cancellable_pieces(object_pieces(archive, name, wanted.size), going)
    return size_and_sha256(there) == wanted


def cancellable_pieces(pieces: Iterator[T], going: Callable[[], bool]) -> Iterator[T]:
    """Yield pieces, each of which is read only if `going` returns true; else raise PuttingCancelled."""
    while going():
        piece = next(pieces, None)
        if piece is None:
            return
        yield piece
    raise PuttingCancelled


def object_pieces(archive: Archive, name: str, expected: int) -> Iterator[bytes]:
    """Yield the content of an object in pieces. Raises ArchiveError.

    expected: its expected size in bytes; at most one byte more is read.
    """
    at = 0
    asked = got = 1
    while got == asked and at <= expected:
        asked = min(PIECE, expected + 1 - at)
        piece = archive.read(name, at, asked)
        got = len(piece)
        at += got
        yield piece
