"""The state of a centre at one moment, sent to a machine that copies it (no I/O).

A JSON object: "format" (1); "store", the identity of the centre; "position", the position of its next byte;
"packed", a list of [name, bytes, bytes of the word index or 0] of the compressed segments; "texts", a list
of [number, bytes of text] of the uncompressed ones, the active segment among them; "away", a list of [name,
bytes of the note] of segments whose text is only in an archive; "origins", the last note of each origin, as
in the file `origins`. Everything is of the same moment: nothing after the position is included.

The sender is not trusted: `decode_state` accepts only valid names of segments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.kit.text.outside_json import NO_JSON, parse_json
from logsrv.linelog.store.archive.manifest import LARGEST as LARGEST_NOTE
from logsrv.linelog.store.origins.notes import BlockNote, parse_origin_notes
from logsrv.linelog.store.segments.index import require_count
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
"""Path of the state below `/blocks/`; the files of segments are below it."""
PIECE = 4 << 20
"""The most bytes of a file or text in one answer."""
_NAME = re.compile(r"[0-9]{10}-[0-9]{8}T[0-9]{6}Z\.log\.zst")
_MOST_VALUES = 2_000_000
_LONGEST_NOTE = 256
_LEAST_WORDS, _WORDS = 16 << 20, 16
"""Limit of a word index in bytes: the first, plus the second for each byte of its compressed segment."""


@attrs.frozen
class PackedFile:
    """A compressed segment. size: its bytes. words: bytes of its word index, 0 if it has none."""

    name: str
    size: int
    words: int

    @property
    def segment(self) -> Segment:
        return Segment(int(self.name[:10]), self.name, Form.PACKED)


@attrs.frozen
class CentreState:
    """The state of a centre.

    position: of its next byte. texts: number and bytes of each uncompressed segment. away: name of each
    segment whose text is only in an archive, and bytes of its note. notes: last note of each origin.
    """

    store: str
    position: Position
    packed: tuple[PackedFile, ...]
    texts: tuple[tuple[int, int], ...]
    away: tuple[tuple[str, int], ...]
    notes: tuple[BlockNote, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all segments on a disk."""
        packed = sum(one.size + one.words for one in self.packed)
        return packed + sum(size for _, size in self.texts)


def is_segment_file_name(name: str) -> bool:
    """Return whether a name is that of a compressed segment's file, or of a file beside it."""
    for behind in (INDEX_SUFFIX, WORDS_SUFFIX, ARCHIVED_SUFFIX):
        if name.endswith(behind):
            return is_packed_name(name.removesuffix(behind))
    return is_packed_name(name)


def is_packed_name(name: str) -> bool:
    """Return whether a name is that of a compressed segment, with a valid time."""
    if not _NAME.fullmatch(name):
        return False
    first = Segment(int(name[:10]), name, Form.PACKED).first_time
    return time_of(first.encode()) == first


def encode_state(state: CentreState) -> bytes:
    """Return a state as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "store": state.store,
            "position": str(state.position),
            "packed": [[one.name, one.size, one.words] for one in state.packed],
            "texts": state.texts,
            "away": state.away,
            "origins": [note.as_line().decode().rstrip("\n") for note in state.notes],
        },
        separators=(",", ":"),
    ).encode()


def decode_state(data: bytes) -> CentreState:
    """Return the state in the result of `encode_state`. Raises ValueError if invalid or inconsistent."""
    try:
        return _require_consistent(_state_of_json(parse_json(data, _MOST_VALUES)))
    except (AttributeError, KeyError, TypeError, RecursionError, *NO_JSON):
        raise ValueError("it is no state of a centre") from None


def _state_of_json(found: Mapping[str, Any]) -> CentreState:
    if found["format"] != FORMAT:
        raise ValueError("it has another version")
    notes = tuple(map(_parse_note, _require_list(found["origins"])))
    if not STORE_ID.fullmatch(found["store"]):
        raise ValueError("it has an invalid identity of its store")
    packed = tuple(
        PackedFile(name, require_count(size), require_count(w))
        for name, size, w in _require_list(found["packed"], 3)
    )
    away = tuple((name, require_count(size)) for name, size in _require_list(found["away"], 2))
    if not all(is_packed_name(name) for name in (*(one.name for one in packed), *dict(away))):
        raise ValueError("it has an invalid name of a segment")
    if any(one.words > _LEAST_WORDS + _WORDS * one.size for one in packed):
        raise ValueError("it has a word index that is too large for its segment")
    if any(size > LARGEST_NOTE for _, size in away):
        raise ValueError("it has a note of an impossible size")
    texts = tuple(
        (require_count(number), require_count(size))
        for number, size in _require_list(found["texts"], 2)
    )
    position = parse_position(found["position"])
    return CentreState(found["store"], position, packed, texts, away, notes)


def _require_consistent(state: CentreState) -> CentreState:
    """Return the state if it is consistent. Raises ValueError."""
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
    if any(note.stored_end > state.position for note in state.notes):
        raise ValueError("it has an origin whose last block is after the end of the store")
    if len({note.origin for note in state.notes}) != len(state.notes):
        raise ValueError("it has an origin twice")
    return state


def _require_list(found: object, each: int | None = None) -> list[Any]:
    """Return a list; each: the required length of its lists. Raises TypeError for anything else."""
    if isinstance(found, list) and (
        each is None or all(isinstance(one, list) and len(one) == each for one in found)
    ):
        return found
    raise TypeError("a list")


def _parse_note(line: object) -> BlockNote:
    """Return the note in a line. Raises ValueError."""
    if isinstance(line, str) and len(line) < _LONGEST_NOTE:
        match parse_origin_notes(f"{line}\n".encode(errors="replace")):
            case [BlockNote() as note]:
                return note
    raise ValueError("it has an invalid note of an origin")
