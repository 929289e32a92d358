"""Lines made harmless: bytes that are not UTF-8, and control characters, become `\\xNN`.

The functions take many lines at once and check before they change anything. Lines without such bytes cost
a few passes at memory speed and no copy; no input is many times slower than another. The fastest tool
depends on the size: NumPy makes the passes at 50 GB/s but needs 3 µs to start, `bytes.translate` starts at
once and makes 4 GB/s.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.uint8]
Marks: TypeAlias = npt.NDArray[np.bool_]

# NumPy is faster from these numbers of bytes on; measured on CPython 3.11 with NumPy 2.
_FASTER_THAN_TRANSLATE = 12 * 1024
_FASTER_THAN_DECODE = 16 * 1024
_FASTER_THAN_STR = 1024
# Up to this many escapes in a chunk, joining pieces, or the decoder's error handler, is faster than NumPy.
_FEW = 1024

_TAB, _LF, _SPACE, _DEL = 9, 10, 32, 127
_PLAIN = bytes((_TAB, _LF, *range(_SPACE, _DEL)))
_CONTROLS = bytes(code for code in range(128) if code not in _PLAIN)
_NOT_CONTROLS = bytes(code for code in range(256) if code not in _CONTROLS)
_ESCAPES = [b"\\x%02x" % code for code in range(256)]
_ESCAPES_AS_NUMBERS = np.frombuffer(b"".join(_ESCAPES), "<u4")
_C1 = range(0x80, 0xA0)
# LINE SEPARATOR and PARAGRAPH SEPARATOR, which end a line for `str.splitlines` and some editors.
_SEPARATORS = (0x2028, 0x2029)
_UNSAFE = {
    code: "".join(f"\\x{byte:02x}" for byte in chr(code).encode())
    for code in (*_CONTROLS, *_C1, *_SEPARATORS)
}
_ANY_UNSAFE = re.compile(f"[{re.escape(''.join(map(chr, _UNSAFE)))}]")

_ELEVEN = np.uint8(11)
_LEAD_OF_TWO, _LEAD_OF_THREE, _LEAD_OF_FOUR = np.uint8(0xC0), np.uint8(0xE0), np.uint8(0xF0)
# Continuation bytes, 80 to BF, are below this number if read as signed.
_FIRST_CONTINUED = np.int8(-64)
_DOUBTFUL = (b"\xc0", b"\xc1", b"\xe0", b"\xed")


def is_plain_ascii(data: bytes) -> bool:
    """Return whether `data` is ASCII without control characters other than TAB and LF."""
    if len(data) < _FASTER_THAN_TRANSLATE:
        return not data.translate(None, _PLAIN)
    codes = np.frombuffer(data, np.uint8)
    return bool(np.maximum.reduce(codes) < _DEL) and not _has_low_controls(codes)


def escaped(data: bytes, start: int = 0, stop: int | None = None) -> bytes:
    """Return `data[start:stop]`, zero or more whole lines, with `\\xNN` for each byte that

    - belongs to no valid UTF-8 sequence,
    - is a control character (C0, DEL) other than TAB and LF,
    - belongs to a C1 control character, U+2028 or U+2029.

    If these lines have 1 KiB or more, and no such byte, it may return `data` itself, not only the lines:
    that needs no copy. Backslashes are not escaped.
    """
    stop = len(data) if stop is None else stop
    if stop - start < _FASTER_THAN_STR:
        lines = data[start:stop]
        text = lines.decode(errors="backslashreplace")
        if _ANY_UNSAFE.search(text):
            return text.translate(_UNSAFE).encode()
        return lines if _decodes_as_utf8(lines) else text.encode()
    # Searching all of `data` for single bytes is fastest; a hit outside the lines costs only a copy.
    codes = np.frombuffer(data, np.uint8)[start:stop]
    if not data.isascii():
        if not is_utf8(data, start, stop):
            if np.count_nonzero(codes > _DEL) > _FEW:
                return _escape_many(data[start:stop])
            return escaped(data[start:stop].decode(errors="backslashreplace").encode())
        if _has_unsafe_characters(data, codes):
            return _escape_many(data[start:stop])
    if not _has_controls(data, codes):
        return data
    lines = data[start:stop]
    for code in _CONTROLS:
        lines = lines.replace(bytes((code,)), _ESCAPES[code])
    return lines


def is_clean(data: bytes) -> bool:
    """Return whether `escaped` would leave `data` unchanged."""
    codes = np.frombuffer(data, np.uint8)
    if not data.isascii() and (not is_utf8(data) or _has_unsafe_characters(data, codes)):
        return False
    return not (data and _has_controls(data, codes))


def is_utf8(data: bytes, start: int = 0, stop: int | None = None) -> bool:
    """Return whether `data[start:stop]` is valid UTF-8 (RFC 3629), as `bytes.decode` would accept it.

    Most text outside ASCII has two or three bytes for each character, and for that NumPy is twice as fast
    as decoding: a continuation byte must stand wherever a lead byte requires one, and nowhere else.
    """
    codes = np.frombuffer(data, np.uint8)[start:stop]
    if len(codes) < _FASTER_THAN_DECODE or (top := np.maximum.reduce(codes)) >= _LEAD_OF_FOUR:
        return _decodes_as_utf8(codes.data)
    # Reuse two arrays: memory that is not in the cache costs more time than the work.
    wanted = codes >= _LEAD_OF_TWO
    marks = np.empty_like(wanted)
    if top >= _LEAD_OF_THREE:
        np.greater_equal(codes, _LEAD_OF_THREE, out=marks)
        wanted[1:] |= marks[:-1]
    continues = np.less(codes.view(np.int8), _FIRST_CONTINUED, out=marks)
    wrong = continues[0] or wanted[-1]
    if wrong or np.not_equal(continues[1:], wanted[:-1], out=wanted[:-1]).any():
        return False
    # After these lead bytes the next byte decides: over-long forms, surrogates.
    doubtful = _DOUBTFUL if top >= _LEAD_OF_THREE else _DOUBTFUL[:2]
    return not any(lead in data for lead in doubtful) or _decodes_as_utf8(codes.data)


def _decodes_as_utf8(data: bytes | memoryview) -> bool:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _has_controls(data: bytes, codes: Codes) -> bool:
    if len(data) < _FASTER_THAN_TRANSLATE:
        return bool(data.translate(None, _NOT_CONTROLS))
    return b"\x7f" in data or _has_low_controls(codes)


def _has_low_controls(codes: Codes) -> bool:
    """Return whether one of `codes` is below 32 and neither TAB nor LF."""
    if np.minimum.reduce(codes) < _TAB:
        return True
    # Bytes wrap around: 9 and 10 become 254 and 255, and 11 to 31 the lowest.
    return bool(np.minimum.reduce(codes - _ELEVEN) < _SPACE - 11)


def _has_unsafe_characters(data: bytes, codes: Codes) -> bool:
    """Return whether `codes`, valid UTF-8 and part of `data`, have a C1 control, U+2028 or U+2029."""
    if b"\xc2" in data:
        # Only 80 to BF can follow C2; below A0 it is a C1 control.
        found = codes[:-1] == 0xC2
        found &= codes[1:] < 0xA0
        if found.any():
            return True
    if b"\xe2" in data:
        # Look for the last byte, A8 or A9, first: few other characters that begin with E2 end with it.
        last = codes[2:] & 0xFE
        found = np.equal(last, 0xA8, out=last.view(bool))
        found &= codes[:-2] == 0xE2
        return bool(found.any() and _mark_separators(codes[:-2], codes[1:-1], codes[2:]).any())
    return False


def _mark_separators(lead: Codes, second: Codes, third: Codes) -> Marks:
    found: Marks = (lead == 0xE2) & (second == 0x80) & (third & 0xFE == 0xA8)
    return found


def _escape_many(lines: bytes) -> bytes:
    """Do the work of `escaped`; the cost hardly depends on how many bytes are escaped."""
    codes = np.frombuffer(lines, np.uint8)
    odd = ~_mark_harmless(lines)
    (at,) = np.nonzero(odd)
    if len(at) <= _FEW:
        pieces: list[bytes] = []
        done = 0
        for offset in at.tolist():
            pieces += lines[done:offset], _ESCAPES[lines[offset]]
            done = offset + 1
        return b"".join([*pieces, lines[done:]])
    # Four bytes for each byte: an escape uses all four, any other byte the first.
    wide = codes.astype("<u4")
    wide[at] = _ESCAPES_AS_NUMBERS[codes[at]]
    used = odd.astype("<u4") * 0x01010101 | 1
    return wide.view(np.uint8).compress(used.view(bool)).tobytes()


def _mark_harmless(lines: bytes) -> Marks:
    """Mark the bytes that need no escape: plain ASCII, and valid UTF-8 sequences (RFC 3629, table 3-7 of
    Unicode) except those of C1, U+2028 and U+2029."""
    codes = np.frombuffer(lines + b"\0\0\0", np.uint8)
    lead, second, third = codes[:-3], codes[1:-2], codes[2:-1]
    continues = codes.view(np.int8) < _FIRST_CONTINUED
    two = continues[1:-2] & (lead >= 0xC2)
    three = two & continues[2:-1] & (lead >= 0xE0)
    four = three & continues[3:] & (lead >= 0xF0) & (lead <= 0xF4)
    two &= (lead < 0xE0) & ((lead != 0xC2) | (second >= 0xA0))
    three &= (
        (lead < 0xF0) & ((lead != 0xE0) | (second >= 0xA0)) & ((lead != 0xED) | (second < 0xA0))
    )
    three &= ~_mark_separators(lead, second, third)
    four &= ((lead != 0xF0) | (second >= 0x90)) & ((lead != 0xF4) | (second < 0x90))
    stays: Marks = (lead < _DEL) & ((lead >= _SPACE) | (lead == _TAB) | (lead == _LF))
    stays |= two | three | four
    stays[1:] |= (two | three | four)[:-1]
    stays[2:] |= (three | four)[:-2]
    stays[3:] |= four[:-3]
    return stays
