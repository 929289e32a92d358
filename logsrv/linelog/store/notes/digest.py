"""Size and SHA-256 of a file: what tells that a copy of it elsewhere is whole."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from logsrv.linelog.store.disk import Disk

PIECE = 4 << 20
"""The bytes of a file that are read at once."""


class FileDigest(NamedTuple):
    """A file of a segment: its size in bytes and its SHA-256."""

    size: int
    sha256: str


def digest_file(name: str, disk: Disk) -> FileDigest:
    """Return size and SHA-256 of a file of a store. Raises OSError."""
    return size_and_sha256(disk.pieces(name, PIECE))


def size_and_sha256(pieces: Iterable[bytes]) -> FileDigest:
    """Return size and SHA-256 of a file in pieces. Raises whatever `pieces` raises."""
    digest, size = sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return FileDigest(size, digest.hexdigest())
