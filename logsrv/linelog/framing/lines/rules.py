"""The rules for the lines of a listener, and what is counted while they are applied."""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import ClassVar

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, SIZE, choice


class Oversize(enum.Enum):
    """The fate of a line longer than `max_line`."""

    SPLIT = "split"
    """Each piece of it is a line; nothing is lost."""
    TRUNCATE = "truncate"
    """Its beginning is stored; the rest up to its LF is dropped and counted."""
    CLOSE = "close"
    """Its beginning is stored; all else that this connection sends is dropped and counted."""


@attrs.frozen(kw_only=True, slots=False)
class LineRules:
    """The way from bytes to lines: options of a listener, and what only a program may choose.

    max_line: bytes a line may have, 1 or more: without its ending, without Telnet's commands, and
        before anything is escaped.
    raw: lines are stored as they came; nothing but LF means anything, so `telnet` is of no effect.
    telnet: whether a peer may speak Telnet.

    Raises ValueError for a `max_line` that leaves no room.
    """

    help_group: ClassVar[str] = "Lines"

    max_line: int = option(
        "64KiB", SIZE, "longest line; --oversize says what happens to longer ones"
    )
    oversize: Oversize = option(
        "split",
        choice(Oversize),
        "a line that is too long goes on in the next line, loses its end, or ends its connection",
    )
    raw: bool = option(False, FLAG, "store bytes as they came, without escapes")
    telnet: bool = True

    def __attrs_post_init__(self) -> None:
        if self.max_line < 1:
            raise ValueError(f"max_line is {self.max_line}; it has to be 1 or more")


@lru_cache(maxsize=64)
def for_frames(rules: LineRules) -> LineRules:
    """Return the rules for what comes in frames: there is no Telnet in them."""
    return attrs.evolve(rules, telnet=False)


@lru_cache(maxsize=64)
def for_datagrams(rules: LineRules) -> LineRules:
    """Return the rules for datagrams: no Telnet, and no connection to close: CLOSE truncates."""
    close = rules.oversize is Oversize.CLOSE
    oversize = Oversize.TRUNCATE if close else rules.oversize
    return attrs.evolve(rules, oversize=oversize, telnet=False)


@lru_cache(maxsize=64)
def for_structured(rules: LineRules, max_record: int) -> LineRules:
    """Return the rules for structured records, which may have `max_record` bytes if a line has fewer."""
    return attrs.evolve(rules, max_line=max(rules.max_line, max_record))


@attrs.define
class LineCounts:
    """The counters of all framers of a listener. Each byte that came is stored, or is part of a line's
    ending (LF, CR LF), or is in exactly one of the `dropped_…`.

    oversize_lines: lines longer than `max_line`.
    dropped_telnet: bytes of Telnet's commands; of IAC IAC one, the other is data.
    dropped_cr_nul: bytes of CR NUL, Telnet's bare return: two for each.
    dropped_truncated: bytes behind the stored beginning of an over-long line (TRUNCATE).
    dropped_closed: bytes behind the stored beginning of the over-long line for which a connection is
        closed (CLOSE), to the end of the connection.
    empty: frames, datagrams and records with nothing in them, which inputs of records leave out.
    """

    oversize_lines: int = 0
    dropped_telnet: int = 0
    dropped_cr_nul: int = 0
    dropped_truncated: int = 0
    dropped_closed: int = 0
    empty: int = 0
