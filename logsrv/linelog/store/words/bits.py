"""A bit for each byte of a text, in words of 64: what stands side by side, in few and short passes."""

from __future__ import annotations

from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]
U8, U64 = numpy.uint8, numpy.uint64


def packed(members: Array) -> Array:
    """Return the bits of bytes that are true or false, as many as fill words."""
    return numpy.packbits(members, bitorder="little").view("<u8")


def unpacked(some: Array) -> Array:
    """Return bytes that are true or false, for the bits of these bytes."""
    return numpy.unpackbits(some, bitorder="little").view(bool)


def ahead(members: Array, places: int) -> Array:
    """Return of each bit what is so many places behind it in the text."""
    moved: Array = members >> U64(places)
    moved[:-1] |= members[1:] << U64(64 - places)
    return moved


def behind(members: Array) -> Array:
    """Return of each bit what is one place before it in the text."""
    moved: Array = members << U64(1)
    moved[1:] |= members[:-1] >> U64(63)
    return moved


def three(members: Array) -> Array:
    """Return where three members begin."""
    found: Array = members & ahead(members, 1) & ahead(members, 2)
    return found


def five(members: Array) -> Array:
    """Return where five members begin."""
    two = members & ahead(members, 1)
    found: Array = two & ahead(two, 2) & ahead(members, 4)
    return found


def seven(members: Array) -> Array:
    """Return where seven members begin."""
    two = members & ahead(members, 1)
    four = two & ahead(two, 2)
    found: Array = four & ahead(four, 3)
    return found


def two_of_seven(members: Array) -> Array:
    """Return where seven bytes begin of which two or more are members."""
    one = ahead(members, 1)
    any_of_two, two_of_two = members | one, members & one
    any_of_six, two_of_six = any_of_two, two_of_two
    for places in 2, 4:
        any_behind = ahead(any_of_two, places)
        two_of_six = two_of_six | ahead(two_of_two, places) | any_of_six & any_behind
        any_of_six = any_of_six | any_behind
    found: Array = two_of_six | any_of_six & ahead(members, 6)
    return found
