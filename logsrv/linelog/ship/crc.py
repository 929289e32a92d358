"""The CRC-32 of two joined texts, computed from the CRC-32 of each, without the texts (no I/O).

A CRC-32 is the remainder of a text as a polynomial over GF(2), with the lowest bit for the highest power.
Appending n bytes multiplies the remainder of the first text by x to the power of 8n. zlib does this in
crc32_combine, which Python does not offer.
"""

from __future__ import annotations

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320
_ONE, _X8 = 1 << 31, 1 << 23


def combine_crcs(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two joined texts. first, second: the CRC-32 of each.

    size: the bytes of the second text.
    """
    place = 0
    while size >> place:
        # Eight bits of the size at a time, because a table for all sizes would be large.
        first = _multiply_polynomials(_x8_power(size >> place & 0xFF, place), first)
        place += 8
    return first ^ second


def _multiply_polynomials(one: int, other: int) -> int:
    product = 0
    while one:
        # The lowest power comes first; it is the highest bit.
        if one & _ONE:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


@lru_cache(2048)
def _x8_power(number: int, place: int) -> int:
    """Return x to the power of 8 * `number`, squared `place` times."""
    power = _ONE
    for bit in range(number.bit_length()):
        if number >> bit & 1:
            power = _multiply_polynomials(_x8_squared(place + bit), power)
    return power


@lru_cache(64)
def _x8_squared(times: int) -> int:
    """Return x to the power of 8, squared `times` times."""
    if not times:
        return _X8
    half = _x8_squared(times - 1)
    return _multiply_polynomials(half, half)
