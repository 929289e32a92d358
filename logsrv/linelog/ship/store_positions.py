"""Checks of positions that a target names, of texts by CRC-32, and of gaps; and where a target begins."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache

from logsrv.linelog.read.texts import DamagedSegment
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import BEGINNING, END
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Position, parse_position


def crc_between(view: View, start: Position, end: Position) -> int | None:
    """Return the CRC-32 of the text between two positions of a segment; None if the text cannot be read.

    If a line does not begin at `start`, or none ends at `end`, the result is the CRC-32 of other text, so
    that a comparison fails. Raises OSError.
    """
    frames = view.open_segment(start.segment)
    if frames is None:
        return None
    with frames, suppress(DamagedSegment):
        crc = 0
        for _, text in frames.lines_between(start.offset, end.offset):
            crc = zlib.crc32(text, crc)
        return crc
    return None


def may_begin_line(view: View, position: Position) -> bool:
    """Return whether a line begins at a position.

    True also if the text there is gone or damaged, or the position is at or after the end of the segment.

    Raises OSError.
    """
    frames = view.open_segment(position.segment)
    if frames is None:
        return True
    with frames, suppress(DamagedSegment):
        offset = position.offset
        return offset >= frames.size or frames.next_line_start(offset) == offset
    return True


def missing_after(view: View, position: Position, archived: Collection[int] = ()) -> MissingText:
    """Return the amount of text that is gone between a position and the next segment that the store has.

    archived: numbers of segments that do not count as gone, because the target has them.
    """
    number, total = position.segment, MissingText()
    for one in view.segments:
        if one.number < number or not view.segment_exists(one.number):
            continue
        if not archived:
            return view.missing_between(position, one.number)
        for gone in range(number, one.number):
            if gone not in archived:
                offset = position.offset if gone == number else 0
                total = total.plus(view.missing_between(Position(gone, offset), gone + 1))
        break
    return total


def position_for_ship_from(view: View, ship_from: str, end: Position) -> Position:
    """Return the position that `ship_from` names: `beginning`, `end` or a position such as 17:0.

    end: the end of the store. A position inside a line means the next line, and a position after the end
    means the end. Raises OSError, and ValueError for any other text.
    """
    if ship_from == END:
        return end
    if ship_from == BEGINNING:
        view.refresh()
        return Position(view.segments[0].number, 0)
    position = parse_position(ship_from)
    if position >= end:
        return end
    frames = view.open_segment(position.segment)
    if frames is None:
        return position
    with frames, suppress(DamagedSegment):
        return Position(position.segment, frames.next_line_start(position.offset))
    return position


# The polynomial of CRC-32.
_POLYNOMIAL = 0xEDB88320
_ONE, _X8 = 1 << 31, 1 << 23


def combine_crcs(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two joined texts. first, second: the CRC-32 of each.

    size: the bytes of the second text. A CRC-32 is the remainder of a text as a polynomial over GF(2), with
    the lowest bit for the highest power. Appending n bytes multiplies the remainder of the first text by x
    to the power of 8n. zlib does this in crc32_combine, which Python does not offer.
    """
    bit = 0
    while size >> bit:
        # Eight bits of the size at a time, because a table for all sizes would be large.
        first = _multiply_polynomials(_x8_power(size >> bit & 0xFF, bit), first)
        bit += 8
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
def _x8_power(number: int, lowest: int) -> int:
    """Return x to the power of 8 * `number`, squared `lowest` times."""
    power = _ONE
    for bit in range(number.bit_length()):
        if number >> bit & 1:
            power = _multiply_polynomials(_x8_squared(lowest + bit), power)
    return power


@lru_cache(64)
def _x8_squared(times: int) -> int:
    """Return x to the power of 8, squared `times` times."""
    if not times:
        return _X8
    half = _x8_squared(times - 1)
    return _multiply_polynomials(half, half)
