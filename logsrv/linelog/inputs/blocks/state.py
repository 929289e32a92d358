"""The state of a centre at one moment, as another machine gets it (no I/O).

An object of JSON: "format" (1); "store", the identity of the centre; "position", the place of its next
byte; "packed", a list of [name, bytes, bytes of the word index or 0] of compressed segments; "texts", a
list of [number, bytes of text] of those that are not compressed, the active one among them; "away", a
list of [name, bytes of the note] of those whose text is in an archive only; "origins", the last note of
each origin, as the file `origins` has it. What is behind the position is not in it: text and origins are
of the same moment.

Whoever sent it may be anybody: `decode` lets pass no name but that of a segment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.kit.text.outside_json import NO_JSON, parse_json
from logsrv.linelog.store.archive.manifest import LARGEST as LARGEST_NOTE
from logsrv.linelog.store.origins.notes import Note, parse_notes
from logsrv.linelog.store.segments.segment import (
    ARCHIVED_SUFFIX,
    INDEX_SUFFIX,
    MOST_SEGMENTS,
    STORE_ID,
    WORDS_SUFFIX,
    Form,
    Position,
    Segment,
    parse_position,
)
from logsrv.linelog.store.segments.times import time_of

FORMAT = 1
PATH = "store"
"""Where it is asked for, behind `/blocks/`; the files of segments are behind that."""
PIECE = 4 << 20
"""Bytes of a file or a text that are given at once, at most."""
_NAME = re.compile(r"[0-9]{10}-[0-9]{8}T[0-9]{6}Z\.log\.zst")
_MOST_VALUES = 2_000_000
_LONGEST_NOTE = 256
_LEAST_WORDS, _WORDS = 16 << 20, 16
"""Bytes that a word index has at most: so many, and so many more for each of its segment's."""


@attrs.frozen
class PackedFile:
    """A compressed segment: its bytes, and those of its word index; 0: it has none."""

    name: str
    size: int
    words: int

    @property
    def segment(self) -> Segment:
        return Segment(int(self.name[:10]), self.name, Form.PACKED)


@attrs.frozen
class CentreState:
    """The state. texts: numbers of segments that are not compressed, and the bytes of their texts.

    away: names of segments whose text is in an archive only, and the bytes of the notes that say so.
    """

    store: str
    position: Position
    packed: tuple[PackedFile, ...]
    texts: tuple[tuple[int, int], ...]
    away: tuple[tuple[str, int], ...]
    notes: tuple[Note, ...]

    @property
    def bytes(self) -> int:
        """The bytes that all of it takes on a disk."""
        packed = sum(one.size + one.words for one in self.packed)
        return packed + sum(size for _, size in self.texts)


def is_given(name: str) -> bool:
    """Return whether this is the name of a file that is given: of a compressed segment, or beside it."""
    for behind in (INDEX_SUFFIX, WORDS_SUFFIX, ARCHIVED_SUFFIX):
        if name.endswith(behind):
            return is_packed_name(name.removesuffix(behind))
    return is_packed_name(name)


def is_packed_name(name: str) -> bool:
    """Return whether this is the name of a compressed segment, of a time that there is."""
    if not _NAME.fullmatch(name):
        return False
    first = Segment(int(name[:10]), name, Form.PACKED).first
    return time_of(first.encode()) == first


def encode(state: CentreState) -> bytes:
    """Return a state as it is sent."""
    return json.dumps(
        {
            "format": FORMAT,
            "store": state.store,
            "position": str(state.position),
            "packed": [[one.name, one.size, one.words] for one in state.packed],
            "texts": state.texts,
            "away": state.away,
            "origins": [note.line().decode().rstrip("\n") for note in state.notes],
        },
        separators=(",", ":"),
    ).encode()


def decode(data: bytes) -> CentreState:
    """Return what `encode` was given. Raises ValueError for anything that makes no sense."""
    try:
        return _checked(_decoded(parse_json(data, _MOST_VALUES)))
    except (AttributeError, KeyError, TypeError, RecursionError, *NO_JSON):
        raise ValueError("it is no state of a centre") from None


def _decoded(found: Mapping[str, Any]) -> CentreState:
    if found["format"] != FORMAT:
        raise ValueError("it is of another version")
    notes = tuple(map(_note, _listed(found["origins"])))
    if not STORE_ID.fullmatch(found["store"]):
        raise ValueError("it has an origin that is none")
    packed = tuple(
        PackedFile(name, _count(size), _count(w)) for name, size, w in _listed(found["packed"], 3)
    )
    away = tuple((name, _count(size)) for name, size in _listed(found["away"], 2))
    if not all(is_packed_name(name) for name in (*(one.name for one in packed), *dict(away))):
        raise ValueError("it has a name that no segment has")
    if any(one.words > _LEAST_WORDS + _WORDS * one.size for one in packed):
        raise ValueError("it has a word index that is larger than its segment makes it")
    if any(size > LARGEST_NOTE for _, size in away):
        raise ValueError("it has a note that is larger than any")
    return CentreState(
        found["store"],
        parse_position(found["position"]),
        packed,
        tuple((_count(number), _count(size)) for number, size in _listed(found["texts"], 2)),
        away,
        notes,
    )


def _checked(state: CentreState) -> CentreState:
    """Return a state that does not contradict itself. Raises ValueError."""
    number, offset = state.position
    compressed = [one.segment.number for one in state.packed]
    away = [int(name[:10]) for name, _ in state.away]
    plain = [each for each, _ in state.texts]
    together = {*compressed, *plain, *away}
    if (
        compressed != sorted(compressed)
        or plain != sorted(plain)
        or len(together) != len(compressed) + len(plain) + len(away)
        or not all(0 < one <= number for one in together)
        or number in (*compressed, *away)
        or dict(state.texts).get(number, 0) != offset
        or not all(size for _, size in state.texts)
        or number > MOST_SEGMENTS
    ):
        raise ValueError("its segments contradict each other")
    if any(note.stop > state.position for note in state.notes):
        raise ValueError("it has an origin whose last block is behind its end")
    if len({note.origin for note in state.notes}) != len(state.notes):
        raise ValueError("it has an origin twice")
    return state


def _listed(found: object, each: int | None = None) -> list[Any]:
    """Return a list, of lists with so many values if `each` says so. Raises TypeError for all else."""
    if isinstance(found, list) and (
        each is None or all(isinstance(one, list) and len(one) == each for one in found)
    ):
        return found
    raise TypeError("a list")


def _note(line: object) -> Note:
    """Return the note in a line. Raises ValueError."""
    if isinstance(line, str) and len(line) < _LONGEST_NOTE:
        match parse_notes(f"{line}\n".encode(errors="replace")):
            case [Note() as note]:
                return note
    raise ValueError("it has an origin that is none")


def _count(found: object) -> int:
    if type(found) is int and 0 <= found < 1 << 62:
        return found
    raise TypeError("a number")
