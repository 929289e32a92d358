"""Turn datagrams into lines; the end of a datagram always ends a line (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.batch import Block
from logsrv.linelog.lines.bom import payloads_without_bom
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.joined import JoiningFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_datagrams

# Lines of one call that are joined: more, such as 64 KiB of line ends, would take longer than 40 ms.
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
    if not rules.raw:
        payloads = payloads_without_bom(payloads, counts)
    lines = b"".join([line if line[-1:] == b"\n" else line + b"\n" for line in payloads])
    return LineFramer(for_datagrams(rules), counts, start=None).receive(lines)


def join_datagrams(payloads: Sequence[bytes], rules: LineRules, counts: LineCounts) -> Block | None:
    """Return the same lines with those of one record joined, if they came in one datagram."""
    left, own = _MOST_JOINED, for_datagrams(rules)
    blocks: list[Block | None] = []
    for payload in payloads:
        if (lines_in := payload.count(b"\n")) > left:
            blocks.append(frame_datagrams([payload], rules, counts))
            continue
        left -= lines_in
        framer = JoiningFramer(LineFramer(own, counts), own, counts)
        whole = payload if payload[-1:] == b"\n" else payload + b"\n"
        blocks += framer.receive(whole), framer.finish()
    lines = b"".join([bytes(block) for block in blocks if block])
    return Block.of(lines) if lines else None
