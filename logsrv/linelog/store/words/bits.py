"""Bitmaps with a bit for each byte of a text, in words of 64 bits, to find bytes side by side quickly."""

from __future__ import annotations

from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]
U8, U64 = numpy.uint8, numpy.uint64


def pack_bits(booleans: Array) -> Array:
    """Return booleans as bits in 64-bit words; their number must be a multiple of 64."""
    return numpy.packbits(booleans, bitorder="little").view("<u8")


def unpack_bits(some: Array) -> Array:
    """Return the bits of an array of bytes as booleans."""
    return numpy.unpackbits(some, bitorder="little").view(bool)


def later_bits(members: Array, places: int) -> Array:
    """Return the bitmap in which bit n is bit n + `places` of `members`. places: less than 64."""
    moved: Array = members >> U64(places)
    moved[:-1] |= members[1:] << U64(64 - places)
    return moved


def previous_bits(members: Array) -> Array:
    """Return the bitmap in which bit n is bit n - 1 of `members`."""
    moved: Array = members << U64(1)
    moved[1:] |= members[:-1] >> U64(63)
    return moved


def in_a_row(members: Array, count: int) -> Array:
    """Return a bitmap of the places at which `count` set bits side by side begin."""
    found, size = members, 1
    while size < count:
        more = min(size, count - size)
        found, size = found & later_bits(found, more), size + more
    return found


def two_of_seven(members: Array) -> Array:
    """Return a bitmap of the places at which seven bits begin of which two or more are set."""
    one = later_bits(members, 1)
    any_of_two, two_of_two = members | one, members & one
    any_of_six, two_of_six = any_of_two, two_of_two
    for places in 2, 4:
        any_behind = later_bits(any_of_two, places)
        two_of_six = two_of_six | later_bits(two_of_two, places) | any_of_six & any_behind
        any_of_six = any_of_six | any_behind
    found: Array = two_of_six | any_of_six & later_bits(members, 6)
    return found
