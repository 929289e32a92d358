"""A backup of a store: a directory that has all lines up to a position, and is a store itself.

The active segment, and the segments that wait to be compressed, are copied as texts under their sealed
names. So a server that is started on the backup writes into new segments: a position that somebody may have
read never gets another line. Files that the backup has already are not copied again. Nothing is removed
unless the caller asks for it.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.backup.copying import (
    CopyMethod,
    copy_growing_text,
    link_or_copy,
    remove_superseded,
)
from logsrv.linelog.store import identity
from logsrv.linelog.store.blocks import NotesFile, make_notes_file, parse_notes_file
from logsrv.linelog.store.disk import DIRECTORY_MODE, Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.lock import NAME as LOCK
from logsrv.linelog.store.notes import backup_note, erased, origins
from logsrv.linelog.store.notes.archive_notes import local_manifest, local_manifest_or_none
from logsrv.linelog.store.notes.backup_note import BEGUN, COMING, COMPLETE, BackupNote
from logsrv.linelog.store.notes.digest import digest_file
from logsrv.linelog.store.notes.segment_notes import EMPTY, REMOVED
from logsrv.linelog.store.rule_stores import FOLDER, KEEP
from logsrv.linelog.store.segment import (
    ACTIVE,
    BACKUP,
    IMPORTING,
    NOWHERE,
    NUMBER,
    RESTORING,
    SYNCED,
    TRIES,
    Form,
    Listing,
    Position,
    Segment,
    number_text,
    open_active_and_list,
    sealed_name,
    synced_file_text,
    tmp,
)
from logsrv.linelog.store.starting.tidy import loose_files
from logsrv.linelog.store.starting.torn import start_of_line
from logsrv.linelog.store.times import first_moment

_NOTES = (EMPTY, REMOVED, "imported", "format", erased.NAME, KEEP)
# Suffixes of files beside saved places. Only a running server needs these files, so they are not copied.
_OF_A_SERVER = (".lock", ".json", ".tmp", COMING)
# The stores of rules are backed up first.
_IGNORED = (LOCK, "lost+found", FOLDER)


@attrs.define
class Backup:
    """A backup of the store `source` in the directory `target`, which is locked.

    command: `backup` or `restore`, the command that continues an interrupted backup. clock: returns the
    present TIME. promised_lines: the number of lines in the note of the source, if the source is a backup;
    None if unknown. copied: the number of compressed segments for each way of copying. damaged: the names
    of damaged segments, each with the way in which it was copied.
    """

    source: Disk
    target: Disk
    command: str
    clock: Callable[[], str]
    copied: Counter[CopyMethod] = attrs.field(factory=Counter)
    damaged: dict[str, CopyMethod] = attrs.field(factory=dict)
    # Names of texts here with lines that were erased since, where the store has the text in archives alone.
    _earlier_texts: list[str] = attrs.field(init=False, factory=list)
    promised_lines: int | None = attrs.field(init=False, default=None)
    note: BackupNote = attrs.field(init=False)

    def copy_segments(self, *, delete: bool = False) -> Iterator[str]:
        """Copy everything; yield the name of each segment before it is copied.

        delete: whether to remove from the backup what the store no longer has. Raises OSError and
        StoreError.
        """
        store = self._begin_or_continue()
        # The saved places are copied before the cut is chosen, so that none is after the cut.
        self._copy_saved_places()
        made = cut_between_lines(self.source)
        try:
            segments = dict(made.listed.by_number)
            for number in list(segments):
                yield from self._copy_segment(number, segments, delete=delete)
            following = self._copy_active(made)
        finally:
            os.close(made.fd)
        self._copy_other_files(made, following)
        self.note = BackupNote(
            COMPLETE,
            self.command,
            store,
            made.position,
            self.clock(),
            files=tuple(self._files_to_note()),
        )
        backup_note.rename_arrived_files(self.target, self.note)
        self.damaged.update(dict.fromkeys(remove_superseded(self.target), CopyMethod.KEPT))
        if delete:
            for name in self._earlier_texts:
                self.target.unlink(name)
            self._delete_older_segments(min(made.listed.by_number, default=made.listed.active))
        self.note = attrs.evolve(self.note, lines=count_store_lines(self.target))
        backup_note.save_backup_note(self.target, self.note)

    @property
    def lacks_promised_lines(self) -> bool:
        """True if the backup has fewer lines than the note of the source promises."""
        said, there = self.promised_lines, self.note.lines
        return said is not None and there is not None and there < said

    def _begin_or_continue(self) -> str:
        """Begin the backup, or continue an interrupted one; return the identity of the store, or ""."""
        source, target = self.source, self.target
        for name, command in ((RESTORING, "restore"), (IMPORTING, "import")):
            if source.has_name(name):
                raise StoreError(
                    f"{source.directory} is not complete: give the same `logsrv {command}` again first"
                )
        if (of_source := backup_note.require_whole_backup(source)) is not None:
            self.promised_lines = of_source.lines
        try:
            found = identity.load(source)
        except ValueError as error:
            raise StoreError(f"{error}; logsrv doctor says what to do") from error
        store = found.store if found else ""
        try:
            known = backup_note.load(target)
        except ValueError as error:
            raise StoreError(f"{error}; take another directory") from error
        if known is None:
            self._require_empty_target()
            backup_note.save_backup_note(target, BackupNote(BEGUN, self.command, store))
        elif known.store not in (store, ""):
            raise StoreError(
                f"{target.directory} is a backup of store {known.store}, and {source.directory} is"
                f" {f'store {store}' if store else 'without an identity'}: take another directory"
            )
        elif known.command != self.command:
            raise StoreError(
                f"{target.directory} was begun by `logsrv {known.command}`: take another directory"
            )
        elif known.state != BEGUN:
            backup_note.finish_renaming(target)
        return store

    def _require_empty_target(self) -> None:
        names = set(self.target.entries()) - {*_IGNORED, tmp(BACKUP)}
        if ACTIVE in names:
            raise StoreError(
                f"{self.target.directory} is a store itself, and no backup: take another directory"
            )
        if names:
            raise StoreError(
                f"{self.target.directory} is not empty: take a new or an empty directory"
            )

    def _copy_saved_places(self) -> None:
        """Copy the saved places of readers, and the files beside them."""
        for folder, inside in backup_note.store_folders(self.source):
            if not folder:
                continue
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(self.target.directory, folder), DIRECTORY_MODE)
            with Disk().use_descriptor(
                self.target.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            ) as there:
                for name, plain in inside.entries().items():
                    if plain and not name.endswith(_OF_A_SERVER):
                        with contextlib.suppress(FileNotFoundError):
                            there.replace(name + COMING, inside.read(name))

    def _copy_segment(
        self, number: int, segments: dict[int, Segment], *, delete: bool
    ) -> Iterator[str]:
        """Copy a sealed segment in its present form; a removed one is left out.

        segments: the last listing, which is renewed when the segment has another name now. delete: whether
        a text here goes if the store has an index without its erased lines, and no text.
        """
        while (segment := segments.get(number)) is not None:
            yield segment.name
            try:
                self._copy_segment_files(segment, delete=delete)
                return
            except FileNotFoundError:
                found = Listing(self.source).by_number
                # The store still has the segment, so the target directory is gone.
                if found.get(number) == segment:
                    raise
                segments.clear()
                segments.update(found)

    def _copy_segment_files(self, segment: Segment, *, delete: bool) -> None:
        source, target = self.source, self.target
        if segment.form is Form.PLAIN:
            with Descriptor(source.open(segment.name, os.O_RDONLY)) as fd:
                size = os.fstat(fd).st_size
                # A power cut must not make the store lose text that its backup has.
                source.fdatasync(fd)
                self._copy_text(segment.name, segment.number, fd, size)
            return
        away = segment.form is Form.AWAY
        if away and self._has_earlier_text(segment):
            if not delete:
                # The text stays with its own index: the new one belongs to a text without these lines.
                for name in (segment.archived, segment.words, segment.index):
                    target.unlink(name + COMING)
                self.damaged[segment.name] = CopyMethod.EARLIER
                return
            self._earlier_texts.append(segment.name)
        for name in (segment.archived, segment.words, segment.index):
            with contextlib.suppress(FileNotFoundError):
                link_or_copy(name, source, target)
        if away:
            source.stat(segment.archived)
            if self._is_erased_in(segment.number) and not source.has_name(segment.words):
                target.unlink(segment.words)
            return
        how = link_or_copy(segment.name, source, target, of=segment)
        self.copied[how] += 1
        if how in (CopyMethod.DAMAGED, CopyMethod.KEPT):
            self.damaged[segment.name] = how
        if how is CopyMethod.KEPT:
            # The new index and words belong to another text.
            for name in (segment.words, segment.index):
                target.unlink(name + COMING)
        elif not source.has_name(segment.words) and self._is_erased_in(segment.number):
            # After an erase of most lines a segment may have no words; those here are of the lines erased.
            target.unlink(segment.words)

    def _has_earlier_text(self, segment: Segment) -> bool:
        """Return whether lines of a segment were erased in archives, and the backup has it from before."""
        target, note = self.target, local_manifest_or_none(segment, self.source)
        if note is None or not self._is_erased_in(segment.number):
            return False
        # An interrupted backup has left it.
        target.unlink(segment.name + COMING)
        there, wanted = target.stat_or_none(segment.name), note.packed_file
        if there is None:
            return False
        return there.st_size != wanted.size or digest_file(segment.name, target) != wanted

    def _copy_active(self, made: StoreCut) -> int:
        """Copy the text of the active segment; return the number of the next segment."""
        number, size = made.position
        if not size:
            return number
        named = [one.name for one in made.listed.named]
        name = named[-1] if named else sealed_name(number, first_moment(made.fd))
        self._copy_text(name, number, made.fd, size)
        return number + 1

    def _copy_text(self, name: str, number: int, fd: int, size: int) -> None:
        copy_growing_text(name, fd, size, self.target, is_erased=self._is_erased_in(number))

    def _is_erased_in(self, number: int) -> bool:
        """Return whether lines of a segment were ever erased."""
        return erased.erased_or_none(self.source).touches(number)

    def _copy_other_files(self, made: StoreCut, following: int) -> None:
        """Copy the notes, and write the files that make the directory a store."""
        source, target = self.source, self.target
        for name in _NOTES:
            with contextlib.suppress(FileNotFoundError):
                target.replace(name + COMING, source.read(name))
        if (found := identity.load(source)) is not None:
            identity.save_identity(target, found, name=identity.NAME + COMING)
        if made.origins.line_count or target.has_name(origins.NAME):
            target.replace(origins.NAME + COMING, made.origins.to_bytes())
        target.replace(NUMBER + COMING, number_text(following))
        target.replace(SYNCED + COMING, synced_file_text(NOWHERE))
        if not target.has_name(ACTIVE):
            target.replace(ACTIVE + COMING, b"")

    def _files_to_note(self) -> Iterator[str]:
        """Yield the names, in the backup, of files without which lines would be sent or taken twice."""
        for folder, inside in backup_note.store_folders(self.target):
            for name in sorted({name.removesuffix(COMING) for name in inside.entries()}):
                if folder and not name.endswith(_OF_A_SERVER):
                    yield f"{folder}/{name}"
                elif name in (identity.NAME, origins.NAME):
                    yield name

    def _delete_older_segments(self, first: int) -> None:
        """Remove the files of segments before the first one that the store has."""
        listed = Listing(self.target)
        gone = [one for one in listed.by_number.values() if one.number < first]
        # Files that an interrupted removal has left go, too.
        left = loose_files(listed.names)
        for name in (*left, *(name for one in gone for name in (*one.files, one.archived))):
            self.target.unlink(name)


def count_store_lines(disk: Disk) -> int | None:
    """Return the number of lines in a store that no server uses; None if an index is missing or damaged.

    Raises OSError.
    """
    try:
        return sum(_count_segment_lines(one, disk) for one in Listing(disk).by_number.values())
    except (FileNotFoundError, ValueError):
        return None


def _count_segment_lines(segment: Segment, disk: Disk) -> int:
    if segment.form is Form.AWAY:
        return local_manifest(disk, segment).lines
    return index.text_size_and_lines(segment, disk)[1]


@attrs.frozen
class StoreCut:
    """A position in a store. fd: current.log at that time. origins: the notes of blocks before it."""

    position: Position
    fd: int
    listed: Listing
    origins: NotesFile


def cut_between_lines(disk: Disk) -> StoreCut:
    """Return the newest position after a whole line and outside a block; the caller closes its `fd`.

    Raises OSError and StoreError.
    """
    for _ in range(TRIES):
        before = disk.read_or_none(origins.NAME)
        fd, listed = open_active_and_list(disk)
        if fd < 0:
            raise StoreError(
                f"{disk.directory} is no store of logsrv: there is no current.log in it"
            )
        try:
            size = os.fstat(fd).st_size
            os.fdatasync(fd)
            position = Position(listed.active, start_of_line(fd, size))
            after = disk.read_or_none(origins.NAME)
            # If the notes file was rewritten meanwhile, it may lack notes of blocks before the position.
            # Then try again.
            if (after or b"").startswith(before or b""):
                found = NotesFile() if after is None else parse_notes_file(after)
                return _cut_between_blocks(position, found, fd, listed)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise StoreError(f"blocks come into {disk.directory} faster than their places can be read")


def _cut_between_blocks(position: Position, found: NotesFile, fd: int, listed: Listing) -> StoreCut:
    """Return a cut that splits no block: an incomplete block is left to the next backup."""
    position = min(
        [position, *(note.at for note in found.notes if note.at < position < note.stored_end)]
    )
    notes = [note for note in found.notes if note.stored_end <= position]
    return StoreCut(position, fd, listed, make_notes_file(notes, found))
