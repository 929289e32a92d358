"""The catalogs of an archive, which a search reads first if it has no local indexes.

    ID/catalog/FIRST/LAST-COUNT.zst

A catalog covers a group of GROUP segment numbers, from FIRST on. It has COUNT segments; LAST is the number
of the last one. For each segment it has the manifest, the index of the frames, and the parts of the word
index that tell where its other parts are. Whenever a segment of the group is put into the archive, a new
catalog is written under a new name, and then the older ones are removed. So no catalog is overwritten while
somebody reads it.

Readers use the last catalog of a group. They find a segment that is in no catalog, as after a kill, by its
manifest. For a damaged segment the catalog has its name instead of the manifest: readers then look for the
segment and report the damage, and the other segments stay usable.

A catalog is one Zstandard frame: a line of JSON with sizes, then all manifests, indexes and parts.
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
from logsrv.linelog.archive.names import archived_segment_names, manifest_object_name
from logsrv.linelog.objects.interface import (
    Archive,
    ArchiveError,
    ChangedObject,
    ObjectExists,
    ObjectMissing,
)
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.index.segment_index import require_count
from logsrv.linelog.store.notes.manifest import (
    LARGEST,
    Manifest,
    NewerFormat,
    decode_manifest,
    encode_manifest,
    object_name,
    require_known_format,
    segment_base_name,
)
from logsrv.linelog.store.words.lookup import PartialFile, WordIndex

GROUP = 32
"""The segments of a full catalog. Each new segment rewrites it, with 22 KB for a segment of 257 MiB."""
FORMAT = 1
LARGEST_PACKED = 16 << 20
"""The most bytes of a catalog as stored. A larger one counts as damaged."""
_MOST, _MOST_HEAD = 64 << 20, 1 << 20
"""The most bytes of an unpacked catalog, and of its first line: enough for segments of 20 GiB. A larger
one counts as damaged."""
_RATIO = 64
"""The largest ratio of unpacked to stored bytes that is accepted; checksums keep it below 8."""
_NAME = r"(\d{10})/(\d{10})-(\d{4})\.zst"


class ArchiveCatalogEntry(NamedTuple):
    """A segment in a catalog: its manifest and the index of its frames, both as stored.

    manifest: the name of the segment instead, if it was found damaged. words: the size of its word index in
    bytes; 0 without one. parts: parts of that index, each with its offset.
    """

    manifest: bytes
    frames: bytes
    words: int
    parts: tuple[tuple[int, bytes], ...]

    @property
    def file(self) -> PartialFile | None:
        """The word index as a file of which only `parts` are known; None without a word index."""
        return PartialFile(self.words, self.parts) if self.words else None


def catalog_prefix(store: str) -> str:
    """Return the prefix of the names of a store's catalogs."""
    return f"{store}/catalog/"


def catalogs_in_use(names: list[str], store: str) -> list[str]:
    """Return the names of the catalogs that readers use: the last one of each group, in order."""
    found: dict[str, str] = {}
    for name in sorted(names):
        match = re.fullmatch(re.escape(catalog_prefix(store)) + _NAME, name)
        if match:
            found[match[1]] = name
    return list(found.values())


def last_archived_number(names: list[str]) -> int | None:
    """Return the number of the last segment in the catalogs `names`, a result of `catalogs_in_use`.

    None if an earlier segment may be missing: a catalog was lost, or the archive begins with a later one.
    """
    found = [(int(name.split("/")[2]), int(name.rpartition("/")[2][:10])) for name in names]
    for number, (first, last) in enumerate(found):
        whole = number == len(found) - 1 or last == first + GROUP - 1
        if first != number * GROUP or not whole:
            return None
    return found[-1][1] if found else None


def pack_archive_catalog(segments: list[ArchiveCatalogEntry]) -> bytes:
    """Return the content of a catalog as stored."""
    sizes = [
        [len(one.manifest), len(one.frames), one.words, [[at, len(part)] for at, part in one.parts]]
        for one in segments
    ]
    head = json.dumps({"format": FORMAT, "segments": sizes}, separators=(",", ":")).encode()
    bodies = [
        b"".join((one.manifest, one.frames, *(part for _, part in one.parts))) for one in segments
    ]
    return compressor().compress(b"".join((head, b"\n", *bodies)))


def unpack_archive_catalog(data: bytes) -> list[ArchiveCatalogEntry]:
    """Return the segments of a stored catalog.

    Raises ValueError if it is damaged or no catalog: NewerFormat if a newer version wrote it.
    """
    try:
        if not 0 < zstandard.frame_content_size(data) <= min(_MOST, _RATIO * len(data)):
            raise ValueError("its size makes no sense")
        file = BytesIO(zstandard.ZstdDecompressor().decompress(data))
        head = file.readline(_MOST_HEAD)
        require_known_format(head, FORMAT)
        found = parse_json(head)
        if found["format"] != FORMAT:
            raise ValueError(f"it has format {found['format']!r}, which this version does not know")
        made = [
            ArchiveCatalogEntry(
                file.read(require_count(manifest)),
                file.read(require_count(index)),
                require_count(words),
                tuple((require_count(at), file.read(require_count(size))) for at, size in parts),
            )
            for manifest, index, words, parts in found["segments"][:GROUP]
        ]
        if file.read(1):
            raise ValueError("it is longer than it says")
        return made
    except NewerFormat:
        raise
    except (KeyError, TypeError, ValueError, RecursionError, zstandard.ZstdError) as error:
        raise ValueError(f"it is no catalog of an archive: {fault_text(error)}") from error


def archive_catalog_entry(manifest: Manifest, read: Callable[[str], bytes]) -> ArchiveCatalogEntry:
    """Return the entry of a segment for a catalog. read: returns one of its files, by name."""
    segment = manifest.segment
    size, parts = 0, []
    if any(name.endswith(segment.words) for name in manifest.objects):
        data = read(segment.words)
        size = len(data)
        parts = [(at, data[at : at + part]) for at, part in WordIndex(data).essential_parts()]
    return ArchiveCatalogEntry(encode_manifest(manifest), read(segment.index), size, tuple(parts))


def read_catalog(archive: Archive, name: str) -> list[ArchiveCatalogEntry]:
    """Return the segments of a catalog. Raises ArchiveError."""
    try:
        return unpack_archive_catalog(archive.read(name, 0, LARGEST_PACKED))
    except NewerFormat as error:
        raise ArchiveError(f"{name} in {archive.address} {error}", settled=True) from None
    except ValueError:
        raise ChangedObject(archive.address, name) from None


def add_to_archive_catalogs(
    archive: Archive, manifest: Manifest, read: Callable[[str], bytes]
) -> list[str]:
    """Enter an archived segment into the catalogs of its archive.

    read: returns the content of a file of the segment in its store, by name. Other archived segments of the
    group that are in no catalog are entered as well. Returns a sentence for each of these that is damaged
    in the archive. Raises ArchiveError; OSError and ValueError for files of the store that cannot be read.
    """
    store = manifest.store
    first = manifest.number // GROUP * GROUP
    prefix = f"{catalog_prefix(store)}{first:010d}/"
    there = catalogs_in_use(archive.names(prefix), store)
    known = _readable_entries(archive, there)
    before = known.get(manifest.name)
    if before is not None and before.manifest == encode_manifest(manifest):
        return []
    damaged = []
    known[manifest.name] = archive_catalog_entry(manifest, read)
    after = f"{store}/{first - 1:010d}." if first else ""
    for name in archived_segment_names(archive.names(f"{store}/", after), store):
        if int(name.partition("-")[0]) < first + GROUP and name not in known:
            try:
                known[name] = _entry_from_archive(archive, store, name)
            except (ChangedObject, ObjectMissing) as error:
                known[name] = ArchiveCatalogEntry(name.encode(), b"", 0, ())
                damaged.append(str(error))
    last = max(known)
    made = f"{prefix}{last.partition('-')[0]}-{len(known):04d}.zst"
    _create_verified(archive, made, pack_archive_catalog([known[name] for name in sorted(known)]))
    for name in archive.names(prefix):
        if name < made:
            # Without the right to remove objects, the older catalogs stay; readers ignore them.
            with contextlib.suppress(ArchiveError):
                archive.remove(name)
    return damaged


def _readable_entries(archive: Archive, names: list[str]) -> dict[str, ArchiveCatalogEntry]:
    """Return the segments of some catalogs by their names; none if a catalog is damaged or missing."""
    known = {}
    with contextlib.suppress(ChangedObject, ObjectMissing):
        for one in [one for name in names for one in read_catalog(archive, name)]:
            # An entry of a damaged segment has no manifest: left out here, the segment is examined again.
            with contextlib.suppress(ValueError):
                known[decode_manifest(one.manifest).name] = one
    return known


def _entry_from_archive(archive: Archive, store: str, name: str) -> ArchiveCatalogEntry:
    manifest = manifest_in_archive(archive, store, name)
    try:
        return archive_catalog_entry(
            manifest, lambda local: _archived_file(archive, manifest, local)
        )
    except ValueError:
        raise ChangedObject(archive.address, object_name(store, manifest.segment.name)) from None


def manifest_in_archive(archive: Archive, store: str, name: str) -> Manifest:
    """Return the manifest of a segment from an archive. Raises ArchiveError."""
    wanted = manifest_object_name(store, name)
    try:
        manifest = decode_manifest(archive.read(wanted, 0, LARGEST))
    except NewerFormat as error:
        raise ArchiveError(f"{wanted} in {archive.address} {error}", settled=True) from None
    except ValueError:
        raise ChangedObject(archive.address, wanted) from None
    if (manifest.store, manifest.name) != (store, segment_base_name(name)):
        raise ChangedObject(archive.address, wanted)
    return manifest


def _archived_file(archive: Archive, manifest: Manifest, name: str) -> bytes:
    """Return a file of an archived segment, verified. Raises ArchiveError."""
    whole = object_name(manifest.store, name)
    wanted = manifest.objects[whole]
    data = archive.read(whole, 0, wanted.size + 1)
    if (len(data), sha256(data).hexdigest()) != wanted:
        raise ChangedObject(archive.address, whole)
    return data


def _create_verified(archive: Archive, name: str, data: bytes) -> None:
    try:
        archive.create(name, [data])
    except ObjectExists:
        # An intact catalog of this name would have been used, so it is damaged.
        archive.remove(name)
        archive.create(name, [data])
    if archive.read(name, 0, len(data) + 1) != data:
        raise ChangedObject(archive.address, name)
