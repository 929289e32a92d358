"""A block: whole lines of one segment, packed, with headers that tell their position in the store (no I/O).

    Logsrv-Format: 1
    Logsrv-Store: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
    Logsrv-From: 17:0
    Logsrv-To: 17:1048501
    Logsrv-After: 16:268435456
    Logsrv-CRC: 1c291ca3

A receiver knows up to which position it has the lines of that store. It stores a block whose Logsrv-After
is this position, drops a block whose Logsrv-To is not after this position, and refuses any other. The first
block has no Logsrv-After. Logsrv-Gap is the number of bytes lost before the block, or `unknown`. Logsrv-CRC
is the CRC-32 of the text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

import attrs

from logsrv.linelog.store.segment import STORE_ID, Position, parse_position

FORMAT = "1"
NAMES = tuple(f"Logsrv-{name}" for name in ("Format", "Store", "From", "To", "After", "Gap", "CRC"))
LARGEST = 1_000_000
"""The most bytes of a packed block, unless its receiver allows fewer."""
LARGEST_TEXT = 8 << 20
"""The most bytes of the text of a block."""
UNKNOWN = "unknown"
"""A gap of unknown size."""
_CRC = re.compile(r"[0-9a-f]{8}")
_GAP = re.compile(r"[0-9]{1,18}|unknown")


@attrs.frozen
class PackedBlock:
    """Whole lines of one segment, as a run of Zstandard frames.

    store: the identity of the store. start, end: the positions where the text begins and ends. after:
    the `end` of the block before; None for the first. crc: the CRC-32 of the text. gap: the number of bytes
    lost before the block, UNKNOWN, or "" for none.
    """

    store: str
    start: Position
    end: Position
    after: Position | None
    crc: int
    packed: bytes = attrs.field(repr=False)
    gap: str = ""

    @property
    def text_size(self) -> int:
        return self.end.offset - self.start.offset

    def headers(self) -> dict[str, str]:
        found = {
            "Logsrv-Format": FORMAT,
            "Logsrv-Store": self.store,
            "Logsrv-From": str(self.start),
            "Logsrv-To": str(self.end),
            "Logsrv-CRC": f"{self.crc:08x}",
            "Logsrv-After": "" if self.after is None else str(self.after),
            "Logsrv-Gap": self.gap,
        }
        return {name: value for name, value in found.items() if value}


def block_from_headers(headers: Mapping[str, str], packed: bytes) -> PackedBlock:
    """Return the block with these headers. Raises ValueError, whose message is one short sentence."""
    if headers.get("Logsrv-Format") != FORMAT:
        raise ValueError(f"Logsrv-Format must be {FORMAT}")
    store = _require_header(STORE_ID, headers, "Logsrv-Store", "32 hexadecimal digits")
    crc = _require_header(_CRC, headers, "Logsrv-CRC", "8 hexadecimal digits")
    start, end = _header_position(headers, "Logsrv-From"), _header_position(headers, "Logsrv-To")
    if start.segment != end.segment or end.offset <= start.offset:
        raise ValueError(
            "Logsrv-From and Logsrv-To must be in one segment, the first before the second"
        )
    if end.offset - start.offset > LARGEST_TEXT:
        raise ValueError(f"a block has at most {LARGEST_TEXT} bytes of text")
    after = _header_position(headers, "Logsrv-After") if "Logsrv-After" in headers else None
    if after is not None and after > start:
        raise ValueError("Logsrv-After is after Logsrv-From")
    gap = (
        _require_header(_GAP, headers, "Logsrv-Gap", "a number of bytes, or unknown")
        if "Logsrv-Gap" in headers
        else ""
    )
    return PackedBlock(store, start, end, after, int(crc, 16), packed, gap)


def check_block_text(block: PackedBlock, text: bytes) -> None:
    """Raise ValueError unless a text has the size and the CRC-32 of its block, and ends with an LF."""
    if len(text) != block.text_size:
        raise ValueError(f"the text has {len(text)} bytes, and the headers say {block.text_size}")
    if zlib.crc32(text) != block.crc:
        raise ValueError("the text has another checksum than Logsrv-CRC says")
    if not text.endswith(b"\n"):
        raise ValueError("the last line does not end with an LF")


def _require_header(
    pattern: re.Pattern[str], headers: Mapping[str, str], name: str, what: str
) -> str:
    found = headers.get(name, "")
    if not pattern.fullmatch(found):
        raise ValueError(f"{name} must be {what}")
    return found


def _header_position(headers: Mapping[str, str], name: str) -> Position:
    try:
        return parse_position(headers.get(name, ""))
    except ValueError:
        raise ValueError(f"{name} must be a position, such as 17:1048501") from None
