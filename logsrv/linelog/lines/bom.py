"""The byte order mark (BOM) of UTF-8, which some programs write in front of a text (sans-IO).

It is no part of the text: it is removed where a connection, a datagram or a message of RELP begins, and
in front of the `<` of each later message of syslog.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence

from logsrv.linelog.lines.rules import LineCounts

_LEAD = BOM_UTF8[:1]
BEFORE_PRIORITY = BOM_UTF8 + b"<"
_LINES_WITH_BOM = re.compile(rb"^\xef\xbb\xbf(?=<)", re.MULTILINE)


def without_bom(start: bytes, counts: LineCounts) -> tuple[bytes | None, bytes]:
    """Return what to hold, as the next bytes tell whether it is a BOM, and the first bytes without one.

    Nothing is held, None, once it is known.
    """
    if start.startswith(BOM_UTF8):
        counts.dropped_bom += len(BOM_UTF8)
        return None, start[len(BOM_UTF8) :]
    return (start, b"") if BOM_UTF8.startswith(start) else (None, start)


def without_boms(lines: bytes, counts: LineCounts) -> bytes:
    """Return messages, one on each line, without a BOM before a `<`."""
    # One search for a single byte: most messages have none.
    if _LEAD not in lines:
        return lines
    lines, number = _LINES_WITH_BOM.subn(b"", lines)
    counts.dropped_bom += number * len(BOM_UTF8)
    return lines


def payloads_without_bom(payloads: Sequence[bytes], counts: LineCounts) -> Sequence[bytes]:
    """Return datagrams or messages, each without a BOM at its beginning."""
    if not any(payload.startswith(BOM_UTF8) for payload in payloads):
        return payloads
    counts.dropped_bom += len(BOM_UTF8) * sum(one.startswith(BOM_UTF8) for one in payloads)
    return [payload.removeprefix(BOM_UTF8) for payload in payloads]
