"""The bytes of a file made readable: unpacked, UTF-16 and UTF-32 as UTF-8, and runs of NUL as a line.

UTF-16 is recognized by its byte order mark, or because every second byte of its first line is NUL. Lines in
UTF-8 behind such lines stay as they are: a program that writes the one may go on after the other.

A file that a program wrote on after it was cut (logrotate's `copytruncate`), or that was open at a power
cut, has thousands of NULs in a row. They become one line that tells how many there were.

Of a compressed file, all text that can be unpacked before a damaged part is read. The file classes of
Python's library are not used: the call that finds the damage drops the text that it has already unpacked.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import mmap
import os
import re
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, BinaryIO

from logsrv.linelog.lines.inflated import UnpackingError, unpack_zstd_pieces
from logsrv.linelog.store.frames import MAGIC

# The longer mark first: the one of UTF-32 begins with the one of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# The bytes that tell the kind of a file; fewer than these are no proof of UTF-16 without a mark.
_TELLING, _LEAST_UNMARKED = 1024, 16
_PARTS = re.compile(rb"\0+|[^\0]+")
JOURNAL = re.compile(rb"__(?:CURSOR|REALTIME_TIMESTAMP)=")
"""The beginning of a journal's export: its fields may have NULs, so it stays unchanged."""
# Fewer NULs within a line belong to its text.
_LEAST = 4
# A line of UTF-16 is decoded when it is whole, or has more bytes.
_LONGEST = 1 << 20
# Bytes that are read at a time. Few, because all files that overlap in time are read at the same time.
CHUNK = 64 << 10
# Keyed by the first bytes of a file. zlib reads only files with a gzip header.
_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


def readable_text(
    chunks: Iterator[bytes], note_utf8: Callable[[int], object] = lambda offset: None
) -> Iterator[bytes]:
    """Yield the text of a file in UTF-8, without a byte order mark, a line instead of each run of NULs.

    note_utf8: called with the offset of the first byte in UTF-8 behind text in UTF-16 or UTF-32.
    """
    start = b""
    while len(start) < _TELLING and (chunk := next(chunks, None)) is not None:
        start += chunk
    mark = next((mark for mark in (*_MARKS, codecs.BOM_UTF8) if start.startswith(mark)), b"")
    encoding = _MARKS.get(mark) or _unmarked_encoding(start[:_TELLING])
    chunks = chain([start.removeprefix(mark)], chunks)
    if JOURNAL.match(start):
        yield from chunks
        return
    if encoding is not None:
        chunks = _in_utf8(chunks, encoding, lambda offset: note_utf8(offset + len(mark)))
    runs = _NulRuns()
    yield from map(runs.receive, chunks)
    yield runs.end_run()


def _unmarked_encoding(start: bytes) -> str | None:
    """Return the kind of UTF-16 that a text without a byte order mark is plainly in, or None."""
    # Its first line, or a few.
    end = start.find(b"\n", _LEAST_UNMARKED - 1) + 1 or len(start)
    evens, odds = start[: end + 1 & ~1 : 2], start[1 : end + 1 : 2]
    for encoding, letters, zeros in (("utf-16-le", evens, odds), ("utf-16-be", odds, evens)):
        if len(start) >= _LEAST_UNMARKED and b"\0" not in letters and not zeros.strip(b"\0"):
            return encoding
    return None


def _in_utf8(
    chunks: Iterator[bytes], encoding: str, note_utf8: Callable[[int], object]
) -> Iterator[bytes]:
    """Yield text in UTF-8; bytes that follow a whole line, and are themselves in UTF-8, stay unchanged."""
    lf = "\n".encode(encoding)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest, done = b"", 0
    for chunk in chunks:
        rest += chunk
        whole = _end_of_lines(rest, lf, done % len(lf))
        if not whole and len(rest) > _LONGEST:
            whole = len(rest)
        yield decoder.decode(rest[:whole]).encode("utf-8", "replace")
        rest, done = rest[whole:], done + whole
        if _is_utf8(rest) and not decoder.getstate()[0]:
            note_utf8(done)
            yield rest
            yield from chunks
            return
    yield decoder.decode(rest, final=True).encode("utf-8", "replace")


def _end_of_lines(text: bytes, lf: bytes, before: int) -> int:
    """Return the end of the last whole line. before: bytes of a character before the text."""
    end = len(text)
    while (end := text.rfind(lf, 0, end)) >= 0:
        if (before + end) % len(lf) == 0:
            return end + len(lf)
        end += len(lf) - 1
    return 0


def _is_utf8(text: bytes) -> bool:
    """Return whether text that begins with a line is in UTF-8: with LFs, and never a NUL beside them."""
    lines = text[: text.rfind(b"\n") + 1]
    if not lines or b"\0" in text:
        return False
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True


class _NulRuns:
    """The runs of NULs in a text that comes in chunks; only their length is kept."""

    def __init__(self) -> None:
        self._length = 0
        self._starts_line = True
        self._skips_lf = False

    def receive(self, chunk: bytes) -> bytes:
        """Return `chunk` with a line for each run that has ended."""
        if not self._length and not self._skips_lf and b"\0" not in chunk:
            self._starts_line = chunk.endswith(b"\n") if chunk else self._starts_line
            return chunk
        parts: list[bytes] = []
        for found in _PARTS.finditer(chunk):
            part = found[0]
            if part[0] == 0:
                self._length += len(part)
                self._skips_lf = False
                continue
            parts.append(self.end_run())
            # The line of the run ends itself.
            text = part.removeprefix(b"\n") if self._skips_lf else part
            self._skips_lf = False
            self._starts_line = part.endswith(b"\n")
            parts.append(text)
        return b"".join(parts)

    def end_run(self) -> bytes:
        """Return the line for the run that ends here, or its NULs if there are only a few."""
        length, self._length = self._length, 0
        if not length:
            return b""
        if length < _LEAST and not self._starts_line:
            return b"\0" * length
        self._skips_lf = True
        number = "1 NUL byte" if length == 1 else f"{length:,} NUL bytes"
        before = "" if self._starts_line else "\n"
        self._starts_line = True
        return f"{before}[logsrv import: {number} here in the file]\n".encode()


class _DamagedError(UnpackingError):
    """Data of a member that cannot be unpacked further.

    unpacked: the bytes of its text before that. read_from: the offset in the file of the bytes that were
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

    data: its bytes that are read already. slow_from: the offset in the file from which it is read byte by
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
