"""Lines made harmless: what is no UTF-8, or controls a terminal, becomes `\\xNN`.

Everything works on as many lines at once as there are, and looks before it touches: lines that need
nothing cost a few passes at memory speed and no copy. Which tool is fastest depends on the size:
NumPy makes those passes at 50 GB/s but takes 3 µs to get going, `bytes.translate` starts at once and
makes 4 GB/s.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

# Bytes from which on NumPy is the faster one; measured on CPython 3.11 with NumPy 2.
_FASTER_THAN_TRANSLATE = 12 * 1024
_FASTER_THAN_RE = 2 * 1024
_FASTER_THAN_DECODE = 16 * 1024

_TAB, _LF, _SPACE, _DEL = 9, 10, 32, 127
_PLAIN = bytes((_TAB, _LF, *range(_SPACE, _DEL)))
_CONTROLS = bytes(code for code in range(128) if code not in _PLAIN)
_NOT_CONTROLS = bytes(code for code in range(256) if code not in _CONTROLS)
_ESCAPES = [(bytes((code,)), b"\\x%02x" % code) for code in _CONTROLS]
# U+0080 to U+009F as they are in UTF-8.
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_C1_LEAD, _C1_END = 0xC2, 0xA0

_ELEVEN = np.uint8(11)
_LEAD_OF_TWO, _LEAD_OF_THREE, _LEAD_OF_FOUR = np.uint8(0xC0), np.uint8(0xE0), np.uint8(0xF0)
# Continuation bytes, 80 to BF, are those below this as signed numbers.
_FIRST_CONTINUED = np.int8(-64)
_DOUBTFUL = (b"\xc0", b"\xc1", b"\xe0", b"\xed")


def is_plain(data: bytes) -> bool:
    """Whether `data` is ASCII without control characters other than TAB and LF."""
    if len(data) < _FASTER_THAN_TRANSLATE:
        return not data.translate(None, _PLAIN)
    codes = np.frombuffer(data, np.uint8)
    return bool(np.maximum.reduce(codes) < _DEL) and not _has_low_controls(codes)


def escaped(lines: bytes) -> bytes:
    """`lines`, zero or more whole ones, with `\\xNN` in the place of each byte that

    - belongs to no valid UTF-8 sequence,
    - is a control character (C0, DEL), but for TAB and LF,
    - is one of the two bytes of a C1 control character.

    The very same object if there is none. Backslashes stay as they are.
    """
    if _has_controls(lines):
        for control, escape in _ESCAPES:
            lines = lines.replace(control, escape)
    if lines.isascii():
        return lines
    if not is_utf8(lines):
        lines = lines.decode(errors="backslashreplace").encode()
    if _has_c1(lines):
        for pair in set(_C1.findall(lines)):
            lines = lines.replace(pair, b"\\x%02x\\x%02x" % tuple(pair))
    return lines


def is_utf8(data: bytes) -> bool:
    """Whether `data` is valid UTF-8 (RFC 3629), what `data.decode()` would take.

    Most text outside ASCII has two or three bytes to a character, and for that NumPy is twice as fast
    as decoding: a continuation byte has to stand wherever a lead byte wants one, and nowhere else.
    """
    codes = np.frombuffer(data, np.uint8)
    if len(data) < _FASTER_THAN_DECODE or np.maximum.reduce(codes) >= _LEAD_OF_FOUR:
        return _decodes(data)
    continues = codes.view(np.int8) < _FIRST_CONTINUED
    wanted = codes >= _LEAD_OF_TWO
    wanted[1:] |= codes[:-1] >= _LEAD_OF_THREE
    if continues[0] or wanted[-1] or not np.array_equal(continues[1:], wanted[:-1]):
        return False
    # Bytes of which the next one decides: too long forms, surrogates.
    return not any(lead in data for lead in _DOUBTFUL) or _decodes(data)


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_controls(data: bytes) -> bool:
    if len(data) < _FASTER_THAN_TRANSLATE:
        return bool(data.translate(None, _NOT_CONTROLS))
    return b"\x7f" in data or _has_low_controls(np.frombuffer(data, np.uint8))


def _has_low_controls(codes: npt.NDArray[np.uint8]) -> bool:
    """Whether one of `codes` is below 32 and neither TAB nor LF."""
    if np.minimum.reduce(codes) < _TAB:
        return True
    # Bytes wrap around: 9 and 10 become 254 and 255, and 11 to 31 the lowest.
    return bool(np.minimum.reduce(codes - _ELEVEN) < _SPACE - 11)


def _has_c1(data: bytes) -> bool:
    """Whether `data`, valid UTF-8, has a C1 control character."""
    if b"\xc2" not in data:
        return False
    if len(data) < _FASTER_THAN_RE:
        return _C1.search(data) is not None
    codes = np.frombuffer(data, np.uint8)
    # Behind C2 stands 80 to BF, and nothing else.
    return bool(((codes[:-1] == _C1_LEAD) & (codes[1:] < _C1_END)).any())
