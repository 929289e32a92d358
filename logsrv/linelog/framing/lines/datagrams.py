"""Datagrams become a block of lines: each is one or more, whatever it ends with (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_datagrams


def frame_datagrams(
    payloads: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> Block | None:
    """The lines of `payloads`, the datagrams of one source in their order; None if there are none.

    The LF or CR LF a datagram ends with, as sent, is no further line; an empty one is an empty line.
    There is no Telnet, and no connection to close: CLOSE truncates.
    """
    if not payloads:
        return None
    lines = b"".join([line if line[-1:] == b"\n" else line + b"\n" for line in payloads])
    return LineFramer(for_datagrams(rules), counts).receive(lines)
