"""An erased line: TIME stays; filler of the same length stands in place of SOURCE and MESSAGE.

    2026-11-20T06:18:42.123456Z tcp:127.0.0.1:51234 GET /users/ann
    2026-11-20T06:18:42.123456Z erased------------- (erased)

So each line keeps its position, and its place among others by time. Spaces fill the message, so that a
search for words does not find it, except for `erased`. An erased line that is erased again is the same, and
so is one of which only a part was written when the power failed: no space is in the filler of SOURCE.
"""

from __future__ import annotations

from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH

_SOURCE, _MESSAGE = b"erased", b"(erased)"


def erased_line(line: bytes) -> bytes:
    """Return what a stored line without its LF is after it is erased."""
    stamp = STAMP.match(line)
    if stamp is None:
        # A line that a power cut or another program has left may have no stamp.
        return _filler(_MESSAGE, len(line), b" ")
    source = _filler(_SOURCE, len(stamp[2]), b"-")
    message = _filler(_MESSAGE, len(line) - stamp.end(), b" ")
    return b"".join((line[:TIME_LENGTH], source, b" ", message))


def is_erased(line: bytes) -> bool:
    """Return whether a stored line without its LF has been erased."""
    return line.endswith((b" ", b")", b"-")) and erased_line(line) == line


def erased_text(text: bytes) -> bytes:
    """Return what whole lines are after they are erased; the last one may lack its LF."""
    return b"\n".join([erased_line(line) for line in text.split(b"\n")])


def differs_only_by_erasing(before: bytes, after: bytes) -> bool:
    """Return whether one text is the other, or a beginning of it, with some of its lines erased."""
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=False)
    return len(before) == len(after) and all(
        one == other or erased_line(one) == other for one, other in pairs
    )


def _filler(word: bytes, size: int, more: bytes) -> bytes:
    return word.ljust(size, more) if size >= len(word) else b"-" * size
