"""The bytes of a file made readable: UTF-16 and UTF-32 become UTF-8, and runs of NUL a line (sans-IO).

UTF-16 is recognized by its byte order mark, or because every second byte of its first line is NUL. Lines in
UTF-8 behind such lines stay as they are: a program that writes the one may go on after the other.

A file that a program wrote on after it was cut (logrotate's `copytruncate`), or that was open at a power
cut, has thousands of NULs in a row. They become one line that tells how many there were.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import chain

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


def readable_text(
    chunks: Iterator[bytes], note_utf8: Callable[[int], object] = lambda place: None
) -> Iterator[bytes]:
    """Yield the text of a file in UTF-8, without a byte order mark, a line in place of each run of NULs.

    note_utf8: called with the place of the first byte in UTF-8 behind text in UTF-16 or UTF-32.
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
        chunks = _in_utf8(chunks, encoding, lambda place: note_utf8(place + len(mark)))
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
