"""What a listener wants its lines to be like, and what it counts while it makes them so."""

from __future__ import annotations

import enum

import attrs


class Oversize(enum.Enum):
    """What becomes of a line longer than `max_line`."""

    SPLIT = "split"
    """Each piece of it is a line; nothing is lost."""
    TRUNCATE = "truncate"
    """Its beginning is stored; the rest up to its LF is dropped and counted."""
    CLOSE = "close"
    """Its beginning is stored; all else that this connection sends is dropped and counted."""


@attrs.frozen(kw_only=True)
class LineRules:
    """How bytes become lines.

    max_line: bytes a line may have, 1 or more: without its ending, without Telnet's commands, and
        before anything is escaped.
    raw: lines are stored as they came; nothing but LF means anything, so `telnet` is of no effect.
    telnet: whether a peer may speak Telnet.
    """

    max_line: int = attrs.field(default=64 * 1024, validator=attrs.validators.ge(1))
    oversize: Oversize = Oversize.SPLIT
    raw: bool = False
    telnet: bool = True


@attrs.define
class LineCounts:
    """What all framers of a listener counted. Each byte that came is stored, or is part of a line's
    ending (LF, CR LF), or is in exactly one of the `dropped_…`.

    oversize_lines: lines longer than `max_line`.
    dropped_telnet: bytes of Telnet's commands; of IAC IAC one, the other is data.
    dropped_cr_nul: bytes of CR NUL, Telnet's bare return: two for each.
    dropped_truncated: bytes behind the stored beginning of an over-long line (TRUNCATE).
    dropped_closed: bytes behind the stored beginning of the over-long line for which a connection is
        closed (CLOSE), to the end of the connection.
    """

    oversize_lines: int = 0
    dropped_telnet: int = 0
    dropped_cr_nul: int = 0
    dropped_truncated: int = 0
    dropped_closed: int = 0
