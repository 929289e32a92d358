"""Read a compressed file, with all text that can be unpacked before a damaged place.

The file classes of Python's library are not used: the call that finds the damage drops the text that it has
already unpacked.
"""

from __future__ import annotations

import bz2
import lzma
import mmap
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from logsrv.linelog.lines.inflated import UnpackingError, unpack_zstd_pieces
from logsrv.linelog.store.heads import MAGIC

# Bytes that are read at a time. Few, because all files that overlap in time are read at the same time.
CHUNK = 64 << 10
# Keyed by the first bytes of a file. zlib reads only files with a gzip header.
_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


class _DamagedError(UnpackingError):
    """Data of a member that cannot be unpacked further.

    unpacked: the bytes of its text before that. read_from: the place in the file of the bytes that were
    read last.
    """

    def __init__(self, unpacked: int, read_from: int) -> None:
        super().__init__("its compressed data is damaged")
        self.unpacked = unpacked
        self.read_from = read_from


def unpack_file(file: BinaryIO) -> Iterator[bytes]:
    """Yield the unpacked text of `file`, whose first bytes tell the format; other files as they are.

    Raises UnpackingError when all text before the damage was yielded, and OSError.
    """
    begin = file.read(6)
    file.seek(0)
    if begin.startswith(MAGIC):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            # In smaller pieces, because 8 MiB of LFs in one piece took a gigabyte of memory.
            for piece in unpack_zstd_pieces(mapped):
                yield from (piece[at : at + CHUNK] for at in range(0, len(piece), CHUNK))
        file.seek(0, os.SEEK_END)
        return
    for magic, unpacker in _UNPACKERS.items():
        if begin.startswith(magic):
            yield from _join_small_pieces(_unpack_members(file, magic, unpacker))
            return
    while chunk := file.read(CHUNK):
        yield chunk


def _join_small_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces, also those before an error."""
    held = bytearray()
    try:
        for piece in pieces:
            held += piece
            if len(held) >= CHUNK:
                yield bytes(held)
                held.clear()
    except (UnpackingError, OSError):
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _unpack_members(file: BinaryIO, magic: bytes, unpacker: Callable[[], Any]) -> Iterator[bytes]:
    """Yield the text of all members: a file may have several compressed parts. Zeros may follow each."""
    data = file.read(CHUNK)
    while data:
        if not data.startswith(magic[: len(data)]):
            raise UnpackingError("something else follows its compressed data")
        data = yield from _unpack_member(file, unpacker, data)
        while not (data := data.lstrip(b"\0")):
            data = file.read(CHUNK)
            if not data:
                return


def _unpack_member(
    file: BinaryIO, unpacker: Callable[[], Any], data: bytes
) -> Generator[bytes, None, bytes]:
    """Yield the text of a member; return bytes read after it. data: its bytes that are read already.

    A damaged member is unpacked again, at the end byte by byte: the call that finds the damage returns none
    of the text that it has unpacked.
    """
    begin = file.tell() - len(data)
    try:
        return (yield from _unpack_bytes(file, unpacker(), data))
    except _DamagedError as error:
        file.seek(begin)
        with suppress(_DamagedError):
            yield from _unpack_bytes(
                file, unpacker(), b"", skip=error.unpacked, slow_from=error.read_from
            )
        raise


def _unpack_bytes(
    file: BinaryIO, unpacker: Any, data: bytes, *, skip: int = 0, slow_from: int = sys.maxsize
) -> Generator[bytes, None, bytes]:
    """Yield the text of a member after its first `skip` bytes; return bytes read after it.

    data: its bytes that are read already. slow_from: the place in the file from which it is read byte by
    byte, to get all text before a damage. Raises _DamagedError, UnpackingError and OSError.
    """
    read_from = file.tell() - len(data)
    unpacked = 0
    while not unpacker.eof:
        most = CHUNK if slow_from == sys.maxsize else max(1, min(skip - unpacked, CHUNK))
        try:
            piece: bytes = unpacker.decompress(data, most)
        except (zlib.error, lzma.LZMAError, OSError) as error:
            raise _DamagedError(unpacked, read_from) from error
        unpacked += len(piece)
        if unpacked > skip and piece:
            yield piece
        # Only zlib returns unused input; bz2 and lzma keep it themselves.
        data = getattr(unpacker, "unconsumed_tail", b"")
        # Read more only when no output is left: each unpacker holds output back beyond `most`.
        if not piece and not data and not unpacker.eof:
            read_from = file.tell()
            data = file.read(max(1, min(CHUNK, slow_from - read_from)))
            if not data:
                raise UnpackingError("its compressed data has no end")
    rest: bytes = unpacker.unused_data
    return rest
