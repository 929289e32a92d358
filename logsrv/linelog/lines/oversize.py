"""Lines longer than a listener allows: found without a look at each line, and cut as its rules say."""

from __future__ import annotations

import re

import attrs

from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize

# The beginning of a UTF-8 character that is cut off at the end (RFC 3629).
_BEGUN = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")


@attrs.frozen
class CutLines:
    """The result of `cut_oversize`.

    lines: whole lines, none of them too long. rest: the unfinished line after them.
    oversize: whether the unfinished line is too long already, and its beginning is in `lines`.
    """

    lines: bytes
    rest: bytes
    oversize: bool


def next_oversize(data: bytes, start: int, limit: int) -> int:
    """Return where the first line of `data[start:]` longer than `limit` bytes begins; or -1.

    Looks for one LF in each stretch of `limit` + 1 bytes: only a line that is too long fills it.
    """
    while len(data) - start > limit:
        ended = data.rfind(b"\n", start, start + limit + 1)
        if ended < 0:
            return start
        start = ended + 1
    return -1


def cut_oversize(data: bytes, oversize: bool, rules: LineRules, counts: LineCounts) -> CutLines:
    """Cut the over-long lines of `data`: the `rest` of the previous Cut and the bytes received since.

    oversize: `oversize` of the previous Cut; False at first.
    """
    limit, splits = rules.max_line, rules.oversize is Oversize.SPLIT
    pieces: list[bytes] = []
    done = 0
    start = 0 if oversize and not splits else next_oversize(data, 0, limit)
    while start >= 0:
        pieces.append(data[done:start])
        continued = oversize and start == 0
        counts.oversize_lines += not continued
        ended = data.find(b"\n", start)
        stop = len(data) if ended < 0 else ended
        while stop - start > limit and (splits or not continued):
            length = _piece_length(data, start, rules)
            pieces += data[start : start + length], b"\n"
            start += length
            continued = True
        if rules.oversize is Oversize.CLOSE:
            counts.dropped_closed += len(data) - start - data.count(b"\n", start)
            return CutLines(b"".join(pieces), b"", True)
        done = start
        if not splits:
            counts.dropped_truncated += stop - start
            done = stop + 1
        if ended < 0:
            return CutLines(b"".join(pieces), data[done:], True)
        start = next_oversize(data, ended + 1, limit)
    stop = data.rfind(b"\n") + 1
    pieces.append(data[done:stop])
    return CutLines(b"".join(pieces), data[stop:], oversize and stop == 0)


def _piece_length(data: bytes, start: int, rules: LineRules) -> int:
    """Return the length in bytes of the piece to store, from data[start] on in an over-long line.

    It is `max_line`, or up to 3 less to keep a UTF-8 character whole; never 0.
    """
    stop = start + rules.max_line
    if rules.raw or not 0x80 <= data[stop] <= 0xBF:
        return rules.max_line
    begun = _BEGUN.search(data, max(start + 1, stop - 3), stop)
    return (stop if begun is None else begun.start()) - start
