"""The manifest of an archived segment: the files of the segment in an archive, with checksums.

    ID/NAME.log.zst.words    the word index, if there is one
    ID/NAME.log.zst.idx      the index of the frames
    ID/NAME.log.zst          the compressed text
    ID/NAME.json             the manifest, written last: without it the segment is not in the archive

ID is the identity of the store. The manifest is a line of JSON with a checksum in it
(kit/text/checksums.py). It has the SHA-256 of each file, and the first half of the SHA-256 of each
frame, so that a reader can verify a single frame. The store has a copy of it beside the segment, in
`NAME.log.zst.archived`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from logsrv.kit.text.checksums import json_with_checksum, read_json_with_checksum
from logsrv.kit.text.words import fault_text
from logsrv.linelog.store.frames import LARGEST_PACKED, MOST_FRAMES
from logsrv.linelog.store.index.segment_index import Index, require_count
from logsrv.linelog.store.notes.digest import FileDigest
from logsrv.linelog.store.segment import (
    INDEX_SUFFIX,
    PACKED_SUFFIX,
    STORE_ID,
    WORDS_SUFFIX,
    Form,
    Segment,
)
from logsrv.linelog.store.times import Times, time_of

FORMAT = 1
LARGEST = 16 << 20
_SHORTEST = 16
"""The least bytes per value in a manifest; most of its values are checksums of frames."""
_INDEX = 1 << 10
_WORDS = 16 << 20
"""The most bytes per frame in an index, and in a word index."""
_TEXT = ".log" + PACKED_SUFFIX
_KNOWN = (_TEXT + WORDS_SUFFIX, _TEXT + INDEX_SUFFIX, _TEXT)
"""The suffixes of the files of a segment, in the order in which they are put into an archive."""
_FORMAT = re.compile(rb'\{"format": ?([0-9]{1,4})\b')
SHORT_NAME = r"[0-9]{10}-[0-9]{8}T[0-9]{6}Z"
_SHA256, _HALF = r"[0-9a-f]{64}", r"[0-9a-f]{32}"


class Manifest(NamedTuple):
    """The files of a segment in an archive, and their checksums.

    store: the identity of its store. name: the part of the name that all its files share. files: the files,
    by the suffix after that name. text: the bytes of its text. lines, times: the number of lines in the
    text, and their times. frames: the first half of the SHA-256 of each compressed frame.
    """

    store: str
    name: str
    files: Mapping[str, FileDigest]
    text: int
    lines: int
    times: Times
    frames: tuple[str, ...]

    @property
    def number(self) -> int:
        return int(self.name.partition("-")[0])

    @property
    def segment(self) -> Segment:
        return Segment(self.number, self.name + _TEXT, Form.PACKED)

    @property
    def packed_file(self) -> FileDigest:
        """The file of the compressed text."""
        return self.files[_TEXT]

    def fits(self, found: Index) -> bool:
        """Return whether an index can be that of the text."""
        return (found.compressed, len(found.frames)) == (self.packed_file.size, len(self.frames))

    @property
    def objects(self) -> dict[str, FileDigest]:
        """The files by their names in an archive, the text last."""
        return {
            object_name(self.store, self.name + suffix): self.files[suffix]
            for suffix in _KNOWN
            if suffix in self.files
        }


def object_name(store: str, name: str) -> str:
    """Return the name of a store's file in an archive."""
    return f"{store}/{name}"


def segment_base_name(name: str) -> str:
    """Return the part of a segment's name that the names of all its files share."""
    return name.partition(".")[0]


def frame_checksum(data: bytes) -> str:
    """Return the first half of the SHA-256 of a frame, in hexadecimal digits."""
    return sha256(data).hexdigest()[:32]


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the content of the file for a manifest."""
    return json_with_checksum({"format": FORMAT, **manifest._asdict()})


class NewerFormat(ValueError):
    """A file of an archive has a format that this version does not know: a newer one wrote it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"has format {found}, and this logsrv reads up to {known}: a newer one wrote it"
        )


def require_known_format(data: bytes, known: int) -> None:
    """Raise NewerFormat for a JSON object whose first member is a `format` above `known`."""
    if (found := _FORMAT.match(data)) and int(found[1]) > known:
        raise NewerFormat(int(found[1]), known)


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest in the content of a file.

    Raises ValueError if it is damaged or no manifest: NewerFormat if a newer version wrote it.
    """
    require_known_format(data, FORMAT)
    try:
        most = 64 + len(data) // _SHORTEST
        return _checked_manifest(
            read_json_with_checksum(data, ("format", *Manifest._fields), most=most)
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"it is no manifest of an archived segment: {fault_text(error)}"
        ) from error


def _checked_manifest(found: Mapping[str, Any]) -> Manifest:
    if found["format"] != FORMAT:
        raise ValueError(f"it has format {found['format']!r}, which this version does not know")
    files = {
        suffix: FileDigest(require_count(size), _require_match(_SHA256, digest))
        for suffix, (size, digest) in found["files"].items()
    }
    if not set(_KNOWN[1:]) <= set(files) <= set(_KNOWN):
        raise ValueError("it does not list the files of a segment")
    smallest, largest, sure = found["times"]
    for time in (smallest, largest):
        if time is not None and time_of(time.encode()) != time:
            raise ValueError("it has a wrong time")
    made = Manifest(
        _require_match(STORE_ID.pattern, found["store"]),
        _require_match(SHORT_NAME, found["name"]),
        files,
        require_count(found["text"]),
        require_count(found["lines"]),
        Times(smallest, largest, sure is True),
        tuple(_require_match(_HALF, one) for one in found["frames"]),
    )
    if len(made.frames) > MOST_FRAMES:
        raise ValueError("it has too many frames")
    for suffix, most in zip(_KNOWN, (_WORDS, _INDEX, LARGEST_PACKED), strict=True):
        if suffix in files and files[suffix].size > (len(made.frames) + 1) * most:
            raise ValueError("one of its files is too large for the number of frames")
    first = made.segment.first_time
    if time_of(first.encode()) != first:
        raise ValueError("the time in its name is invalid")
    return made


def _require_match(shape: str, found: str) -> str:
    if re.fullmatch(shape, found):
        return found
    raise ValueError("a name or a checksum is invalid")
