"""Turn datagrams into lines; the end of a datagram always ends a line (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.joined import JoiningFramer
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_datagrams

# More lines at once, such as 64 KiB of line ends, are not joined: that would take longer than 40 ms.
_MOST_JOINED = 8192


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


def join_datagrams(payloads: Sequence[bytes], rules: LineRules, counts: LineCounts) -> Block | None:
    """Return the same lines with those of one record joined, if they came in one datagram."""
    if sum(payload.count(b"\n") for payload in payloads) > _MOST_JOINED:
        return frame_datagrams(payloads, rules, counts)
    rules = for_datagrams(rules)
    blocks: list[Block | None] = []
    for payload in payloads:
        framer = JoiningFramer(LineFramer(rules, counts), rules, counts)
        whole = payload if payload[-1:] == b"\n" else payload + b"\n"
        blocks += framer.receive(whole), framer.finish()
    lines = b"".join([bytes(block) for block in blocks if block])
    return Block.of(lines) if lines else None
