"""The catalogs of an archive: what a search without indexes of its own reads first.

    ID/catalog/FIRST/LAST-COUNT.zst

Each is of the segments whose numbers are within GROUP from FIRST on, up to number LAST, COUNT of them: the
manifest, the index of the frames, and the parts of the word index by which the rest of it is found. It is
written when a segment of the group was put there, under a new name, and those before it are removed:
nothing is written over, and one that was read is right. The last one counts; a segment that is in none, as
after a kill, is found by its manifest. One that is damaged has its name there instead of a manifest:
readers look for it, and say that it is damaged; it hinders no other.

It is one Zstandard frame: a line of JSON with sizes, and one behind the other what they are of.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple

import zstandard

from logsrv.kit.text.outside_json import parse_json
from logsrv.kit.text.words import fault_text
from logsrv.linelog.store.archive.manifest import (
    LARGEST,
    Manifest,
    decode,
    encode,
    manifest_object,
    names_of,
    object_name,
    short_name,
)
from logsrv.linelog.store.archive.objects import (
    Archive,
    ArchiveError,
    ChangedObject,
    ObjectExists,
    ObjectMissing,
)
from logsrv.linelog.store.segments.compressing import compressor
from logsrv.linelog.store.segments.index import count
from logsrv.linelog.store.words.lookup import Words
from logsrv.linelog.store.words.partial import PartialFile

GROUP = 32
"""Segment numbers of a catalog: it is written as often. One with 257 MiB of text has 22 KB in it."""
FORMAT = 1
LARGEST_PACKED = 16 << 20
"""The bytes of a catalog as it is stored."""
_MOST, _MOST_HEAD = 64 << 20, 1 << 20
"""The bytes of a catalog, and of its first line. Segments of 20 GiB have as much in it."""
_RATIO = 64
"""How much smaller than a catalog its stored bytes may be: checksums keep it below 8."""
_NAME = r"(\d{10})/(\d{10})-(\d{4})\.zst"


class CatalogSegment(NamedTuple):
    """A segment in a catalog: its manifest and the index of its frames, both as they are stored.

    manifest: of one that was damaged when it was to be entered, its name.
    words: the size of its word index; 0 if it has none. parts: parts of that, and where they begin.
    """

    manifest: bytes
    frames: bytes
    words: int
    parts: tuple[tuple[int, bytes], ...]

    @property
    def file(self) -> PartialFile | None:
        """The word index as far as it is here."""
        return PartialFile(self.words, self.parts) if self.words else None


def folder(store: str) -> str:
    """Return what the names of the catalogs of a store begin with."""
    return f"{store}/catalog/"


def newest(names: list[str], store: str) -> list[str]:
    """Return the catalogs that count of some names, in order."""
    found: dict[str, str] = {}
    for name in sorted(names):
        match = re.fullmatch(re.escape(folder(store)) + _NAME, name)
        if match:
            found[match[1]] = name
    return list(found.values())


def last_of_all(names: list[str]) -> int | None:
    """Return the last segment in the catalogs that count, if none can be missing before it, by their names.

    Else None: one was lost, or the archive begins with a later segment.
    """
    found = [(int(name.split("/")[2]), int(name.rpartition("/")[2][:10])) for name in names]
    for number, (first, last) in enumerate(found):
        whole = number == len(found) - 1 or last == first + GROUP - 1
        if first != number * GROUP or not whole:
            return None
    return found[-1][1] if found else None


def pack(segments: list[CatalogSegment]) -> bytes:
    """Return a catalog as it is stored."""
    sizes = [
        [len(one.manifest), len(one.frames), one.words, [[at, len(part)] for at, part in one.parts]]
        for one in segments
    ]
    head = json.dumps({"format": FORMAT, "segments": sizes}, separators=(",", ":")).encode()
    bodies = [
        b"".join((one.manifest, one.frames, *(part for _, part in one.parts))) for one in segments
    ]
    return compressor().compress(b"".join((head, b"\n", *bodies)))


def unpack(data: bytes) -> list[CatalogSegment]:
    """Return what `pack` was given. Raises ValueError for anything else."""
    try:
        if not 0 < zstandard.frame_content_size(data) <= min(_MOST, _RATIO * len(data)):
            raise ValueError("its size makes no sense")
        file = BytesIO(zstandard.ZstdDecompressor().decompress(data))
        found = parse_json(file.readline(_MOST_HEAD))
        if found["format"] != FORMAT:
            raise ValueError(f"it has format {found['format']!r}, which this version does not know")
        made = [
            CatalogSegment(
                file.read(count(manifest)),
                file.read(count(index)),
                count(words),
                tuple((count(at), file.read(count(size))) for at, size in parts),
            )
            for manifest, index, words, parts in found["segments"][:GROUP]
        ]
        if file.read(1):
            raise ValueError("it is longer than it says")
        return made
    except (KeyError, TypeError, ValueError, RecursionError, zstandard.ZstdError) as error:
        raise ValueError(f"it is no catalog of an archive: {fault_text(error)}") from error


def described(manifest: Manifest, read: Callable[[str], bytes]) -> CatalogSegment:
    """Return a segment as a catalog has it. read: returns a file of it by its name."""
    segment = manifest.segment
    size, parts = 0, []
    if any(name.endswith(segment.words) for name in manifest.objects):
        data = read(segment.words)
        size = len(data)
        parts = [(at, data[at : at + part]) for at, part in Words(data).heads()]
    return CatalogSegment(encode(manifest), read(segment.index), size, tuple(parts))


def read_catalog(archive: Archive, name: str) -> list[CatalogSegment]:
    """Return the segments of a catalog. Raises ArchiveError."""
    try:
        return unpack(archive.read(name, 0, LARGEST_PACKED))
    except ValueError:
        raise ChangedObject(archive.place, name) from None


def enter(archive: Archive, manifest: Manifest, read: Callable[[str], bytes]) -> list[str]:
    """Let the catalogs of an archive have a segment that is in it. read: returns a file of it.

    What else is in the archive, and in no catalog, is entered as well. Returns a sentence for each that is
    damaged there. Raises ArchiveError, and OSError and ValueError for what cannot be read here.
    """
    store = manifest.store
    first = manifest.number // GROUP * GROUP
    place = f"{folder(store)}{first:010d}/"
    there = newest(archive.names(place), store)
    known = _known(archive, there)
    if manifest.name in known:
        return []
    damaged = []
    known[manifest.name] = described(manifest, read)
    behind = f"{store}/{first - 1:010d}." if first else ""
    for name in names_of(archive.names(f"{store}/", behind), store):
        if int(name.partition("-")[0]) < first + GROUP and name not in known:
            try:
                known[name] = _described_there(archive, store, name)
            except (ChangedObject, ObjectMissing) as error:
                known[name] = CatalogSegment(name.encode(), b"", 0, ())
                damaged.append(str(error))
    last = max(known)
    made = f"{place}{last.partition('-')[0]}-{len(known):04d}.zst"
    _create(archive, made, pack([known[name] for name in sorted(known)]))
    for name in archive.names(place):
        if name < made:
            # A key that may remove nothing leaves them: they do not count.
            with contextlib.suppress(ArchiveError):
                archive.remove(name)
    return damaged


def _known(archive: Archive, names: list[str]) -> dict[str, CatalogSegment]:
    """Return the segments of the catalog that counts, by their names; of one that is damaged, none."""
    known = {}
    with contextlib.suppress(ChangedObject, ObjectMissing):
        for one in [one for name in names for one in read_catalog(archive, name)]:
            # Those that were damaged are looked at again.
            with contextlib.suppress(ValueError):
                known[decode(one.manifest).name] = one
    return known


def _described_there(archive: Archive, store: str, name: str) -> CatalogSegment:
    manifest = there(archive, store, name)
    try:
        return described(manifest, lambda local: _file_there(archive, manifest, local))
    except ValueError:
        raise ChangedObject(archive.place, object_name(store, manifest.segment.name)) from None


def there(archive: Archive, store: str, name: str) -> Manifest:
    """Return the manifest of a segment that an archive has. Raises ArchiveError."""
    wanted = manifest_object(store, name)
    try:
        manifest = decode(archive.read(wanted, 0, LARGEST))
    except ValueError:
        raise ChangedObject(archive.place, wanted) from None
    if (manifest.store, manifest.name) != (store, short_name(name)):
        raise ChangedObject(archive.place, wanted)
    return manifest


def _file_there(archive: Archive, manifest: Manifest, name: str) -> bytes:
    """Return a file of a segment as it was archived. Raises ArchiveError."""
    whole = object_name(manifest.store, name)
    wanted = manifest.objects[whole]
    data = archive.read(whole, 0, wanted.size + 1)
    if (len(data), sha256(data).hexdigest()) != wanted:
        raise ChangedObject(archive.place, whole)
    return data


def _create(archive: Archive, name: str, data: bytes) -> None:
    try:
        archive.create(name, [data])
    except ObjectExists:
        # It is damaged, or it would have been used.
        archive.remove(name)
        archive.create(name, [data])
    if archive.read(name, 0, len(data) + 1) != data:
        raise ChangedObject(archive.place, name)
