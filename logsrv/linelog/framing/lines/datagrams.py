"""Turn datagrams into lines; the end of a datagram always ends a line (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_datagrams


def frame_datagrams(
    payloads: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> Block | None:
    """Return the lines of one source's datagrams, in order; None if there are none.

    An LF or CR LF at the end of a datagram adds no empty line; an empty datagram is an empty line.
    Telnet is not interpreted. There is no connection to close, so CLOSE truncates.
    """
    if not payloads:
        return None
    lines = b"".join([line if line[-1:] == b"\n" else line + b"\n" for line in payloads])
    return LineFramer(for_datagrams(rules), counts).receive(lines)
