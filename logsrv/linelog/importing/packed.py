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
from typing import Any, BinaryIO

from logsrv.linelog.framing.bodies.inflated import UnpackingError, unpack_zstd_pieces

# Bytes that are read at a time. Few, because all files that overlap in time are read at the same time.
CHUNK = 64 << 10
_ZSTD = b"\x28\xb5\x2f\xfd"
# Keyed by the first bytes of a file. zlib reads only files with a gzip header.
_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


class _DamagedError(UnpackingError):
    """Data that cannot be unpacked further."""


def unpack_file(file: BinaryIO) -> Iterator[bytes]:
    """Yield the unpacked text of `file`, whose first bytes tell the format; other files as they are.

    Raises UnpackingError when all text before the damage was yielded, and OSError.
    """
    begin = file.read(6)
    file.seek(0)
    if begin.startswith(_ZSTD):
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
    """Yield the text of a member; return bytes read after it. data: its bytes that are read already."""
    begin = file.tell() - len(data)
    yielded = 0
    member = _MemberUnpacker(file, unpacker(), data)
    try:
        while piece := member.unpack(CHUNK):
            yielded += len(piece)
            yield piece
    except _DamagedError:
        file.seek(begin)
        yield from _unpack_rest_slowly(
            _MemberUnpacker(file, unpacker(), b"", slow_from=member.read_from), yielded
        )
        raise
    return member.bytes_after_end


def _unpack_rest_slowly(member: _MemberUnpacker, yielded: int) -> Iterator[bytes]:
    """Yield the rest of a damaged member, up to the damage. yielded: the bytes that were yielded before.

    The member is unpacked again, at the end byte by byte: the call that finds the damage returns none of
    the text that it has unpacked.
    """
    try:
        while yielded and (piece := member.unpack(min(yielded, CHUNK))):
            yielded -= len(piece)
        while byte := member.unpack(1):
            yield byte
    except _DamagedError:
        return


class _MemberUnpacker:
    """A member that is being unpacked. read_from: place in the file of the bytes that were read last."""

    def __init__(
        self, file: BinaryIO, unpacker: Any, data: bytes, *, slow_from: int = sys.maxsize
    ) -> None:
        """data: the member's bytes that are read already. slow_from: the place in the file from which it is
        read byte by byte, to get all text before a damage.
        """
        self._file = file
        self._unpacker = unpacker
        self._data = data
        self._slow_from = slow_from
        self.read_from = file.tell() - len(data)

    @property
    def bytes_after_end(self) -> bytes:
        """The bytes that were read after the end of the member."""
        found: bytes = self._unpacker.unused_data
        return found

    def unpack(self, most: int) -> bytes:
        """Return the next bytes of its text, at most `most`; b"" at its end.

        Raises UnpackingError and OSError.
        """
        while not self._unpacker.eof:
            try:
                piece: bytes = self._unpacker.decompress(self._data, most)
            except (zlib.error, lzma.LZMAError, OSError) as error:
                raise _DamagedError("its compressed data is damaged") from error
            # Only zlib returns unused input; bz2 and lzma keep it themselves.
            self._data = getattr(self._unpacker, "unconsumed_tail", b"")
            if piece:
                return piece
            # Read more only when no output is left: each unpacker holds output back beyond `most`.
            if not self._data and not self._unpacker.eof:
                self._data = self._read_compressed()
        return b""

    def _read_compressed(self) -> bytes:
        self.read_from = self._file.tell()
        data = self._file.read(max(1, min(CHUNK, self._slow_from - self.read_from)))
        if not data:
            raise UnpackingError("its compressed data has no end")
        return data
