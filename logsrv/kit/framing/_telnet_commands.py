"""The Telnet commands of a short chunk, found one by one: for few bytes this is faster than NumPy."""

from __future__ import annotations

import re

# The most bytes between the option and IAC SE, as sent; a longer value is not Telnet, so it is data.
# MAX_NAWS: of a window size, two 16-bit numbers, each byte doubled at worst (RFC 1073).
MAX_SUBNEGOTIATION = 1024
MAX_NAWS = 8
# Bytes; longer chunks go to `parse_telnet_commands`. For so many bytes of commands alone, both are as fast.
FEW_BYTES = 256
# IAC SB, its value, the IAC that ends it, and the byte after that, as far as they have come.
_SB = rb"\xff\xfa(?P<option>.)(?P<value>[^\xff]*(?:\xff\xff[^\xff]*)*)(?P<ending>\xff[^\xff]?)?"
SUBNEGOTIATION = re.compile(_SB, re.DOTALL)
_COMMAND = re.compile(
    rb"(?P<doubled>\xff\xff)|(?P<asks>\xff(?:[\xfb\xfd].|\xf6))|(?P<swallowed>\xff(?:[\xfc\xfe].|[\xec-\xf9]))"
    rb"|(?P<sb>" + _SB + rb")|(?P<unfinished>\xff[\xfa-\xfe]?\Z)",
    re.DOTALL,
)
_IAC, _IAC_SE, _NAWS = b"\xff", b"\xff\xf0", b"\x1f"
# `in` finds a number in a third of the time.
IAC_NUMBER = 0xFF
# DONT for WILL, WONT for DO.
_REFUSALS = {b"\xff\xfb": b"\xff\xfe", b"\xff\xfd": b"\xff\xfc"}


def parse_few_telnet_commands(chunk: bytes, presence: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the data, an unfinished command at the end, and the answers; `presence` answers AYT."""
    kept, answers = list[bytes](), list[bytes]()
    kept_to = look_from = 0
    while (found := _COMMAND.search(chunk, look_from)) is not None:
        begin, end = found.span()
        kind = found.lastgroup
        if kind == "sb" and not _may_be_subnegotiation(found):
            look_from = begin + 2
            continue
        kept.append(chunk[kept_to : begin + (kind == "doubled")])
        if kind == "unfinished" or (kind == "sb" and found["ending"] != _IAC_SE):
            return b"".join(kept), chunk[begin:], b"".join(answers)
        if kind == "asks":
            refusal = _REFUSALS.get(found[0][:2])
            answers.append(presence if refusal is None else refusal + found[0][2:])
        kept_to = look_from = end
    kept.append(chunk[kept_to:])
    return b"".join(kept), b"", b"".join(answers)


def _may_be_subnegotiation(found: re.Match[bytes]) -> bool:
    """Return whether an IAC SB begins a subnegotiation, by the bytes that have come."""
    option, value, ending = found.group("option", "value", "ending")
    if ending not in (None, _IAC, _IAC_SE):
        return False
    if option == _NAWS:
        return len(value) <= MAX_NAWS
    # An LF shows that this is text with a Latin-1 "ÿú" in it; only a window size may contain a byte 10.
    return len(value) <= MAX_SUBNEGOTIATION and b"\n" not in value
