"""Reading segments whose text is only in an archive: frame by frame, verified with the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256

from logsrv.linelog.objects.interface import Archive, ArchiveError, ChangedObject
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.notes.archive_notes import local_manifest
from logsrv.linelog.store.notes.manifest import Manifest, frame_checksum, object_name
from logsrv.linelog.store.segment import Segment


class ArchivedText:
    """The text of a segment that is in an archive only.

    Each method raises ValueError, with a sentence, if no archive has the requested part unchanged.
    """

    def __init__(
        self, manifest: Manifest, sources: Sequence[Archive], load: Callable[[], Index]
    ) -> None:
        """sources: the archives to read from. load: reads the store's own index, as `index.load` does."""
        self._manifest = manifest
        self._sources = sources
        self._load = load

    @property
    def address(self) -> str:
        """The address of the text, for messages."""
        where = self._sources[0].address if self._sources else "an archive that is not known here"
        return f"{where}/{object_name(self._manifest.store, self._manifest.segment.name)}"

    @property
    def size(self) -> int:
        """The bytes of the compressed text."""
        return self._manifest.packed_file.size

    def index(self) -> Index:
        """Return the index of its frames: the store's own, or if that is unusable, the archive's."""
        # If it is unusable, the archive has the index as well.
        found = read_or(None, self._load)
        if found and self._manifest.fits(found):
            return found
        name = self._manifest.segment.index
        wanted = self._manifest.files[name.removeprefix(self._manifest.name)]
        return index.decode_index(
            self._fetch_part(
                name, 0, wanted.size, lambda data: sha256(data).hexdigest() == wanted.sha256
            )
        )

    def frame(self, number: int, at: int, size: int) -> bytes:
        """Return compressed frame `number`, which has `size` bytes at offset `at`."""
        checks = self._manifest.frames
        name = self._manifest.segment.name
        return self._fetch_part(
            name,
            at,
            size,
            lambda data: number < len(checks) and frame_checksum(data) == checks[number],
        )

    def _fetch_part(
        self, name: str, at: int, size: int, is_whole: Callable[[bytes], bool]
    ) -> bytes:
        """Return a part of an object from the first archive that has it unchanged."""
        whole = object_name(self._manifest.store, name)
        errors: list[str] = []
        for source in self._sources:
            try:
                data = source.read(whole, at, size)
                if is_whole(data):
                    return data
                raise ChangedObject(source.address, whole)
            except ArchiveError as error:
                errors.append(str(error))
        if not errors:
            raise ValueError(f"{whole} is in an archive, and this store knows of none")
        raise ValueError(errors[0])


def open_archived_text(segment: Segment, disk: Disk, sources: Sequence[Archive]) -> ArchivedText:
    """Return the archived text of a segment. Raises OSError, and ValueError if its note is damaged."""
    manifest = local_manifest(disk, segment)
    if manifest.segment.name != segment.name:
        raise ValueError("its note belongs to another segment")
    return ArchivedText(manifest, sources, lambda: index.load(segment, disk))


def texts_at(urls: Iterable[str]) -> Callable[[Segment, Disk], ArchivedText]:
    """Return what opens texts in the archives at some URLs; invalid ones are left out."""
    found = [read_or(None, open_archive, url) for url in urls]
    return partial(open_archived_text, sources=[archive for archive in found if archive])
