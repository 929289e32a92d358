"""A reader's view of a store: its segments at one moment, while a daemon goes on writing.

The daemon rotates, seals and removes segments. A segment keeps its number; its file's name is
looked up again when it is opened. Nothing here writes into the store.
"""

from __future__ import annotations

import errno
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Self

from logsrv.errors import StoreError
from logsrv.kit.text.time import rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.read.texts import (
    AwayFrames,
    AwayText,
    PackedFrames,
    PlainFrames,
    SegmentFrames,
    index_sound_frames,
    require_index_fits,
)
from logsrv.linelog.store.disk import Disk, explanation, hint_at_reading_group, reason, store_errors
from logsrv.linelog.store.format import why_too_new
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import Index, IndexHead
from logsrv.linelog.store.notes.segment_notes import MissingText, missed_text, missing_without_note
from logsrv.linelog.store.segment import (
    ACTIVE,
    BACKUP,
    ERASING,
    NOT_RESTORED,
    RESTORING,
    Form,
    Listing,
    Position,
    Segment,
    not_plain_files,
)
from logsrv.linelog.store.times import NONE, UNKNOWN, Times, combine_times

if TYPE_CHECKING:
    from logsrv.linelog.query.question import Node
    from logsrv.linelog.read.progress import ReadProgress
    from logsrv.linelog.read.remembered import RememberedParts
    from logsrv.linelog.store.notes import erased
else:
    # Only shipping asks it, and searches start sooner without it.
    erased = later_module("logsrv.linelog.store.notes.erased")

# After so many tries, opening a segment fails. It may be rotated or sealed between lookup and opening, but
# not so often in a row.
_TRIES = 1000
_TRIES_FOR_A_NAME = 100
_PAUSE = 0.001
SMALL_FILE = 4096
"""The most bytes of a file that `View.read_file` reads."""
REMOVED_MEANWHILE = "was removed while it was read, so lines of it are missing"


class View:
    """The segments of a store's directory, in order. Raises StoreError if it is no readable store.

    tell: gets one sentence for each damaged or unusable file. away: include segments whose text is in an
    archive only, which may take long to read. names: of the stores by their numbers, if several are read.
    remembered: parts of answers; None if none are remembered. progress: of the answer that is made of the
    view; None if nobody asks for it. only: the condition of the lines that its reader may see, None for all
    (see `only.py`); then seen_span returns the first and the last time of these.
    """

    segments: list[Segment]
    names: Mapping[int, str] = {}
    remembered: RememberedParts | None = None
    progress: ReadProgress | None = None
    only: Node | None = None
    seen_span: Callable[[], tuple[str, str]]

    def __init__(self, directory: str, tell: Callable[[str], None], *, away: bool = False) -> None:
        self._init_reporting(tell)
        self._away = away
        self._open_away: Callable[[Segment, Disk], AwayText] | None = None
        self._loaded: Index | None = None
        self._loaded_of: object = None
        # The file that was current.log when the segments were listed. As long as it is current.log, it has
        # the number of the last segment. It is kept open, so that no other file can get its inode.
        self._active = -1
        try:
            self._disk = Disk().open_directory(directory)
        except OSError as error:
            why = f"{reason(error)}{hint_at_reading_group(directory, error)}"
            raise StoreError(f"{directory} cannot be read: {why}") from error
        try:
            self._require_known_format()
            self.refresh()
            self._require_complete_store(directory)
        except BaseException:
            self.close()
            raise

    def _require_known_format(self) -> None:
        """Raise StoreError for a store of a later format: its lines might be misread."""
        try:
            why = why_too_new(self._disk)
        except (OSError, ValueError) as error:
            # A writer would be refused, but a reader can read the lines.
            self.report_unusable_file(explanation(error))
            return
        if why:
            raise StoreError(why)

    def _require_complete_store(self, directory: str) -> None:
        """Raise StoreError if there is no store; report a backup or restore that is not complete."""
        if self._disk.has_name(ACTIVE):
            return
        why = ""
        if self._disk.has_name(BACKUP):
            why = "is a backup that is not complete: give the same command again to continue"
        elif self._disk.has_name(RESTORING):
            why = NOT_RESTORED
        if len(self.segments) == 1:
            raise StoreError(
                f"{directory} {why or f'is no store of logsrv: there is no {ACTIVE} in it'}"
            )
        if why:
            self.report_damage(f"{directory} {why}")

    def _init_reporting(self, tell: Callable[[str], None]) -> None:
        self._damage: set[str] = set()
        self._tell = tell
        # Only this process reports: its forked children would report the same again.
        self._reporter = os.getpid()
        self._reported: set[str] = set()

    @property
    def damaged(self) -> bool:
        """True if damage was reported that makes lines unreadable."""
        return bool(self._damage)

    @property
    def has_unreadable_lines(self) -> bool:
        """True if lines cannot be read that the store still has: `damaged`, but for removed segments."""
        return any(REMOVED_MEANWHILE not in sentence for sentence in self._damage)

    @property
    def stores(self) -> Mapping[int, View]:
        """The stores by the numbers in their positions."""
        return {0: self}

    @property
    def by_store(self) -> Mapping[int, View]:
        """A view for each store, with the numbers of segments that this one has."""
        return {0: self}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> None:
        """List the segments again. Raises StoreError."""
        self._close_active_file()
        with store_errors(f"{self._disk.directory} cannot be read"):
            # Open current.log before the listing, and compare after it: if it is the same file both times,
            # it was current.log during the listing.
            self._active = self._open_active_file()
            listed = Listing(self._disk)
        if not self.is_active_file(self._active):
            self._close_active_file()
        sealed = listed.by_number.values() if self._away else listed.sealed
        self.segments = [*sealed, listed.active_segment]
        self._by_number = {one.number: one for one in self.segments}
        self._no_files = not_plain_files(listed.names)

    @property
    def has_archived_text(self) -> bool:
        """True if the text of some segment is in an archive only."""
        return any(one.form is Form.AWAY for one in self.segments)

    def refresh_if_rotated(self) -> None:
        """List the segments again, unless the active one is still the same.

        Removed segments are not noticed here; `open` notices them.
        """
        if not self.is_active_file(self._active):
            self.refresh()

    def _open_active_file(self) -> int:
        try:
            return self._disk.open(ACTIVE, os.O_RDONLY)
        except OSError:
            # The fault is reported when the segment is read.
            return -1

    def _close_active_file(self) -> None:
        if self._active >= 0:
            os.close(self._active)
        self._active = -1

    @property
    def directory_removed(self) -> bool:
        """True if the directory was removed. A new directory at its path is another store."""
        return self._disk.is_gone()

    def read_file(self, name: str) -> bytes:
        """Return the content of a small file of the store. Raises OSError."""
        return self._disk.read(name, SMALL_FILE)

    @property
    def change_stamp(self) -> object:
        """A value that changes when a name in the directory is made or removed."""
        return self._disk.change_token(time.time())

    def report_odd_names(self) -> None:
        """Report names of segments that are not plain files."""
        for name in self._no_files:
            self.report_damage(f"{self._disk.path(name)} is no plain file, so it is not read")

    def close(self) -> None:
        self._close_active_file()
        self._disk.close()

    def report_damage(self, sentence: str) -> None:
        """Report damage that makes lines unreadable; each sentence once."""
        self._damage.add(sentence)
        self.report_unusable_file(sentence)

    def report_unusable_file(self, sentence: str) -> None:
        """Report an unusable file without which all lines can still be read; each sentence once."""
        if sentence not in self._reported and os.getpid() == self._reporter:
            self._reported.add(sentence)
            self._tell(sentence)

    def archived_frames_with(self, number: int, following: Iterable[int], need: Need) -> int | None:
        """Return None: any frame may have lines with `need`. Views of stores elsewhere look words up."""
        return None

    def open_word_index(self, number: int) -> int | None:
        """Open the word index of a segment; None if there is none."""
        segment = self._by_number.get(number)
        return segment and self._open_beside(segment.words)

    def open_columns(self, number: int) -> tuple[int, IndexHead] | None:
        """Open the columns of a segment; return them with the head of its index, None if there are none."""
        head = self.index_head(number)
        fd = None if head is None else self._open_beside(self._by_number[number].columns)
        return None if fd is None or head is None else (fd, head)

    def _open_beside(self, name: str) -> int | None:
        try:
            return self._disk.open_file(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.report_unusable_file(f"{self._disk.path(name)} is not used: {reason(error)}")
            return None

    def times_of_segment(self, number: int) -> Times:
        """Return the times of a segment's lines by its index; UNKNOWN without one."""
        head = self.index_head(number)
        return UNKNOWN if head is None else head.times

    def file_size(self, number: int) -> int:
        """Return the bytes of a segment's file, also of one in an archive; 0 if that is not known."""
        segment = self._by_number.get(number)
        if segment is None:
            return 0
        if segment.form is Form.AWAY:
            head = self.index_head(number)
            return 0 if head is None else head.compressed
        try:
            return self._disk.stat(segment.name).st_size
        except OSError:
            # It was compressed or removed since the segments were listed.
            return 0

    def index_head(self, number: int) -> IndexHead | None:
        """Return the head of the index of a compressed segment; None if it is lost or unusable."""
        segment = self._by_number.get(number)
        if segment is None or segment.form not in (Form.PACKED, Form.AWAY):
            return None
        try:
            head = index.load_head(segment, self._disk)
            size = self._disk.stat(segment.name).st_size if segment.form is Form.PACKED else 0
        except (OSError, ValueError):
            # The fault is reported when the whole index is loaded, or the segment opened.
            return None
        return head if size <= head.compressed else None

    def read_time_span(self) -> tuple[str, str]:
        """Return the smallest and the largest TIME; "" if there is none.

        It reads all uncompressed segments. For a segment whose index is lost or of the first version, the
        times are approximate.
        """
        if self.only is not None:
            return self.seen_span()
        found = combine_times(map(self._read_times, self.segments))
        return found.smallest or "", found.largest or ""

    def _read_times(self, segment: Segment) -> Times:
        times = self.times_of_segment(segment.number)
        if times != UNKNOWN:
            return times
        frames = self.open_segment(segment.number)
        if frames is None:
            return NONE
        with frames:
            times = combine_times(frames.times_of_frame(frame) for frame in range(frames.count))
            if times == UNKNOWN and segment.form is Form.PACKED:
                # Sealing sets the file's mtime to the time of its last line.
                return Times(segment.first_time, rfc3339(os.fstat(frames.fd).st_mtime), sure=False)
            return times

    def sync_directory(self) -> None:
        """Sync the names in the directory to disk. Raises OSError."""
        self._disk.sync_directory()

    def is_active_file(self, fd: int) -> bool:
        """Return whether an open file is the active segment."""
        return fd >= 0 and self._disk.leads_to(ACTIVE, fd)

    def is_sealed_text(self, number: int, fd: int) -> bool:
        """Return whether an open file is the compressed text of a segment; also True for one elsewhere."""
        segment = self._by_number.get(number)
        return fd < 0 or (segment is not None and self._disk.leads_to(segment.packed, fd))

    def segment_exists(self, number: int) -> bool:
        """Return whether a listed segment still exists, under any name that it may have."""
        segment = self._by_number.get(number)
        if segment is None:
            return False
        if segment.form is Form.ACTIVE:
            self.refresh_if_rotated()
            segment = self._by_number.get(number, segment)
        if segment.form is Form.ACTIVE:
            return True
        if segment.form is Form.AWAY:
            return self._disk.has_name(segment.archived)
        return self._disk.has_name(segment.name) or self._disk.has_name(segment.packed)

    def missing_between(self, position: Position, following: int) -> MissingText:
        """Return what the store lacks between a position and a later segment."""
        return missed_text(position, following, self._disk)

    def erased_between(self, start: Position, end: Position) -> bool:
        """Return whether lines may have been erased between two positions of a segment."""
        return erased.erased_or_none(self._disk).erased_between(start, end)

    def report_missing_segments(self, before: int, after: int) -> None:
        """Report the segments between two neighbours of `segments` that are gone without a note."""
        for sentence in self.missing_segments(before, after):
            self.report_damage(sentence)

    def report_if_missing(self, number: int) -> None:
        """Report the segments around `number` if it is one of those that are gone without a note."""
        numbers = [one.number for one in self.segments]
        at = bisect_left(numbers, number)
        if 0 < at < len(numbers) and numbers[at] != number:
            self.report_missing_segments(numbers[at - 1], numbers[at])

    def why_unread(self, number: int) -> str:
        """Return why a segment cannot be opened that could be before."""
        if self.segment_exists(number):
            return f"segment {number} cannot be read any more, so lines of it are missing"
        return f"segment {number} {REMOVED_MEANWHILE}"

    def missing_segments(self, before: int, after: int) -> list[str]:
        """Return a sentence for each run of segments between two others that is gone without a note."""
        with store_errors(f"{self._disk.directory} cannot be read"):
            return missing_without_note(self._disk, self._by_number, before, after)

    def open_segment(self, number: int) -> SegmentFrames | None:
        """Open a segment. None if it was removed, or if it is unreadable, which is reported.

        Raises RuntimeError if its reader may see only some lines: TaskReader and StoredLines find them.
        """
        if self.only is not None:
            raise RuntimeError("a reader of some lines would read all lines of a segment")
        return self.open_whole_segment(number)

    def open_whole_segment(self, number: int) -> SegmentFrames | None:
        """Open a segment, as `open_segment` does, for who asks `only` of each line, or shows no text."""
        for tries in range(_TRIES):
            # The known name is tried first: it is mostly right, and listing thousands of files is slow.
            segment = self._by_number.get(number)
            if segment is None:
                return None
            why: OSError = OSError(errno.EAGAIN, "it is renamed all the time")
            try:
                found = self._open_by_known_name(segment)
                if found is not None:
                    return found
            except FileNotFoundError as error:
                why = error
                if tries >= _TRIES_FOR_A_NAME:
                    break
            except OSError as error:
                why = error
                break
            except ValueError as error:
                self.report_damage(f"segment {number} cannot be read: {explanation(error)}")
                return None
            if tries:
                time.sleep(_PAUSE)
            self.refresh()
        self.report_damage(f"segment {number} cannot be read: {reason(why)}")
        return None

    def _open_by_known_name(self, segment: Segment) -> SegmentFrames | None:
        """Open a segment by its known name.

        Returns None, or raises FileNotFoundError, if it was rotated, sealed or removed meanwhile.
        """
        if segment.form is Form.AWAY:
            return self._open_archived(segment)
        path = self._disk.path(segment.name)
        fd = self._disk.open(segment.name, os.O_RDONLY)
        try:
            if segment.form is Form.PACKED:
                return PackedFrames(
                    segment.number, path, fd, lambda: self._load_index(segment, path, fd)
                )
            # The number belongs to the file that was current.log when the segments were listed.
            if segment.form is Form.ACTIVE and not (
                self._active >= 0 and os.path.sameopenfile(self._active, fd)
            ):
                os.close(fd)
                return None
            return PlainFrames(segment.number, path, fd)
        except BaseException:
            os.close(fd)
            raise

    def _open_archived(self, segment: Segment) -> SegmentFrames:
        """Return a segment whose text is in an archive. Raises OSError and ValueError."""
        if self._disk.has_name(segment.name):
            # `open` lists again and finds the segment in its other form.
            raise FileNotFoundError(errno.ENOENT, "its text is here again")
        if self._open_away is None:
            # Most stores have no archive; their searches need not load this.
            from logsrv.linelog.read import sources

            self._open_away = sources.texts_of_store(str(self._disk.directory))
        return AwayFrames(segment.number, self._open_away(segment, self._disk), self.report_damage)

    def _load_index(self, segment: Segment, path: str, fd: int) -> Index:
        # Keep the last index: planning and then reading need the same one. A text that was erased in is
        # another file with the same name.
        held = os.fstat(fd)
        of = held.st_dev, held.st_ino, held.st_mtime_ns
        if self._loaded is not None and (self._loaded.segment, self._loaded_of) == (
            segment.number,
            of,
        ):
            return self._loaded
        self._loaded_of = of
        try:
            loaded = index.load(segment, self._disk)
            require_index_fits(loaded, fd)
            if self._disk.has_name(segment.name) and not self._disk.leads_to(segment.name, fd):
                raise ValueError("it belongs to the text after lines were erased")
        except (OSError, ValueError) as error:
            # Retention removes a text, then its index. An erase removes the index for a moment.
            if self._disk.leads_to(segment.name, fd) and not self._disk.has_name(ERASING):
                self.report_unusable_file(
                    f"{self._disk.path(segment.index)} is not used: {explanation(error)}"
                )
            loaded, wrong = index_sound_frames(segment.number, fd)
            if wrong:
                self.report_damage(f"{path} is {wrong}")
        self._loaded = loaded
        return loaded
