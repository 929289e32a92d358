"""The rules for the lines of a listener, what is counted by them, and lines that are too long.

Those are found without a look at each line, and cut as the rules say.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import ClassVar

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, SIZE, choice


class Oversize(enum.Enum):
    """The fate of a line longer than `max_line`."""

    SPLIT = "split"
    """Each piece of the line becomes a line; nothing is lost."""
    TRUNCATE = "truncate"
    """The beginning of the line is stored; the rest up to its LF is dropped and counted."""
    CLOSE = "close"
    """The beginning of the line is stored; all else that this connection sends is dropped and counted."""


@attrs.frozen(kw_only=True, slots=False)
class LineRules:
    """The options of a listener that turn bytes into lines. `telnet` is no option: only programs set it.

    max_line: longest line in bytes, at least 1: without its ending, without Telnet commands, and
        before escaping.
    raw: whether to store lines as they came. Only LF has a meaning, so `telnet` has no effect.
    join: whether to join the lines of a record; only `lines` and `syslog` do.
    telnet: whether to interpret Telnet commands.

    Raises ValueError if `max_line` is less than 1.
    """

    help_group: ClassVar[str] = "Lines"

    max_line: int = option(
        "64KiB", SIZE, "longest line; --oversize says what happens to longer ones"
    )
    oversize: Oversize = option(
        "split",
        choice(Oversize),
        "split a line that is too long, drop the end of it, or close the connection",
    )
    raw: bool = option(False, FLAG, "store bytes as they came, without escapes")
    join: bool = option(False, FLAG, "join the lines of a record, such as a stack trace")
    telnet: bool = True

    def __attrs_post_init__(self) -> None:
        if self.max_line < 1:
            raise ValueError(f"max_line is {self.max_line}; it has to be 1 or more")


@lru_cache(maxsize=64)
def for_frames(rules: LineRules) -> LineRules:
    """Return the rules for content of frames: without Telnet."""
    return attrs.evolve(rules, telnet=False)


@lru_cache(maxsize=64)
def for_datagrams(rules: LineRules) -> LineRules:
    """Return the rules for datagrams: without Telnet, and with TRUNCATE instead of CLOSE."""
    close = rules.oversize is Oversize.CLOSE
    oversize = Oversize.TRUNCATE if close else rules.oversize
    return attrs.evolve(rules, oversize=oversize, telnet=False)


@lru_cache(maxsize=64)
def for_structured(rules: LineRules, max_record: int) -> LineRules:
    """Return the rules for structured records: `max_line` becomes at least `max_record` bytes."""
    return attrs.evolve(rules, max_line=max(rules.max_line, max_record))


@attrs.define
class LineCounts:
    """The counters of all framers of a listener.

    Each received byte is stored, or belongs to a line ending (LF, CR LF), or is counted in exactly one of
    the `dropped_…`.

    oversize_lines: lines longer than `max_line`.
    dropped_telnet: bytes of Telnet commands; IAC IAC counts as one, because its other byte is data.
    dropped_cr_nul: bytes of CR NUL, Telnet's bare return: two for each.
    dropped_bom: bytes of byte order marks in front of a text.
    dropped_truncated: bytes cut from the end of over-long lines (TRUNCATE).
    dropped_closed: bytes that a connection sent after the stored beginning of an over-long line, up to
        the end of the connection (CLOSE).
    empty: empty frames, datagrams and records, which inputs of records skip.
    """

    oversize_lines: int = 0
    dropped_telnet: int = 0
    dropped_cr_nul: int = 0
    dropped_bom: int = 0
    dropped_truncated: int = 0
    dropped_closed: int = 0
    empty: int = 0


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
