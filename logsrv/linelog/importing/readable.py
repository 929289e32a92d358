"""The bytes of a file made readable: UTF-16 and UTF-32 by their byte order mark, and runs of NUL (sans-IO).

A file that a program wrote on after it was cut (logrotate's `copytruncate`), or that was open at a power
cut, has thousands of NULs in a row. They become one line that tells how many there were.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain

# The longer mark first: the one of UTF-32 begins with the one of UTF-16.
_MARKS = (
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)
# Bytes that are enough to tell the kind of a file.
_TELLING = 24
_PARTS = re.compile(rb"\0+|[^\0]+")
JOURNAL = re.compile(rb"__(?:CURSOR|REALTIME_TIMESTAMP)=")
"""The beginning of a journal's export: its fields may have NULs, so it stays unchanged."""
# Fewer NULs within a line belong to its text.
_LEAST = 4


def readable_text(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the text of a file in UTF-8, without a byte order mark, a line in place of each run of NULs."""
    start = b""
    while len(start) < _TELLING and (chunk := next(chunks, None)) is not None:
        start += chunk
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    chunks = chain([start.removeprefix(codecs.BOM_UTF8)], chunks)
    if JOURNAL.match(start):
        yield from chunks
        return
    runs = _NulRuns()
    yield from map(runs.receive, _in_utf8(chunks, encoding) if encoding else chunks)
    yield runs.end_run()


def _in_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


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
