"""Lines of a store are overwritten, by a plan, in any form of their segments, also beside a running server.

A text that is not compressed is overwritten in place: lines keep their lengths, and the server only adds
lines after them. A compressed one is made again under a temporary name. All files that were made of the
old text are removed before the new text gets its name, and this is on the medium first: an index beside the
wrong text would lead readers astray. Without an index a text is read by its frames, and the next start of a
server makes one. The index of a later segment is made again if it may have a copy of an erased line.

Each step can be done again, so after a crash the plan is carried out once more, by the next start, by
`logsrv erase` or `logsrv doctor --repair`. The right to make the files beside a text (making.py) keeps a
sealing, and whoever makes indexes and columns, away meanwhile. Retention is not kept away: what it removes
at the same moment is removed again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import attrs

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.erased_line import erased_text
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.store.disk import Disk, explanation, read_or
from logsrv.linelog.store.frames import compressor, unpack_frame, unpack_frames
from logsrv.linelog.store.index.indexing import Indexer, rebuild_index, save_index, scan_frame
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.index.segment_index import load as load_index
from logsrv.linelog.store.index.text_before import earlier_texts
from logsrv.linelog.store.notes.erase_plan import ErasePlan, Runs, is_unfinished, locked_plan
from logsrv.linelog.store.notes.erased import Erasure, load_erased, save_erased
from logsrv.linelog.store.notes.segment_notes import removed_runs
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import TRIES, Form, Listing, Segment, tmp
from logsrv.linelog.store.starting.making import right_to_make, right_when_free
from logsrv.linelog.store.words.build import WordIndexBuilder

_PIECE = 1 << 20


@attrs.define
class EraseOutcome:
    """The outcome of a plan.

    changed: the segments of which a text, an index or columns are others now. archived: the names of those
    of which an archive has the earlier text. damaged: why segments could not be erased, by their numbers.
    gone: segments that were removed meanwhile.
    """

    changed: list[Segment] = attrs.field(factory=list)
    archived: list[str] = attrs.field(factory=list)
    damaged: dict[int, str] = attrs.field(factory=dict)
    gone: list[int] = attrs.field(factory=list)


class LineEraser:
    """Carries out a plan in the directory of `disk`.

    show: called with the name of each segment. going: called often; returns false to stop. again: whether
    another process has begun with the plan.
    """

    def __init__(
        self,
        plan: ErasePlan,
        disk: Disk,
        show: Callable[[str], object] = lambda _: None,
        going: Callable[[], bool] = lambda: True,
        *,
        again: bool = False,
    ) -> None:
        self._plan, self._disk, self._again = plan, disk, again
        self._show, self._going = show, going
        self._listed = Listing(disk)
        self.outcome = EraseOutcome()

    def carry_out(self) -> EraseOutcome:
        """Overwrite all lines of the plan, and note it.

        Raises OSError, and Interrupted if `going()` returns false; then it can be done again.
        """
        for number in sorted(self._plan.runs):
            try:
                self._erase(number)
            except FileNotFoundError:
                # Retention may have removed it at any moment.
                self._listed = Listing(self._disk)
                if number == self._listed.active or number in self._listed.by_number:
                    raise
                self.outcome.gone.append(number)
            except ValueError as error:
                self.outcome.damaged[number] = explanation(error)
        plan = self._plan
        done = Erasure(
            plan.time, plan.reason, plan.by, plan.lines, plan.records, len(self._plan.runs)
        )
        self._listed = Listing(self._disk)
        notes = load_erased(self._disk)
        if done not in notes.erasures:
            notes = notes.with_erasure(done)
        first = min(self._listed.by_number, default=self._listed.active)
        # This also puts the names of all indexes on the medium, before the plan may go.
        save_erased(notes.without_segments_before(first), self._disk)
        return self.outcome

    def _erase(self, number: int) -> None:
        """Erase in a segment, and make again what later ones have of it. Raises OSError and ValueError."""
        runs, size = self._plan.runs[number], 0
        for segment, fd in self._open_files(number):
            self._show(segment.name)
            if segment.form is not Form.PACKED:
                # After a power cut, this text must be there as well as the note.
                self._disk.fdatasync(fd)
            self._note(number, *runs.span)
            if segment.form is Form.PACKED:
                size = self._erase_packed(segment, runs)
            else:
                size = os.fstat(fd).st_size
                self._erase_in_place(fd, runs)
                # A packing that has read the earlier text begins again.
                self._note(number, *runs.span)
        if not size:
            self.outcome.gone.append(number)
            return
        self._remake_following(number, size - runs.span[1])

    def _note(self, number: int, first: int, stop: int) -> None:
        save_erased(load_erased(self._disk).with_segment(number, first, stop), self._disk)

    def _open_files(self, number: int) -> Iterator[tuple[Segment, int]]:
        """Yield each file of a segment, open and with the right to change it; none if it is gone.

        There are two after a crash in a sealing. Raises OSError.
        """
        for _ in range(TRIES):
            changed = False
            for segment in self._files(number):
                with contextlib.ExitStack() as undo:
                    try:
                        fd = undo.enter_context(Descriptor(self._open(segment)))
                    except FileNotFoundError:
                        changed = True
                        break
                    if not undo.enter_context(right_when_free(fd, self._going)):
                        raise Interrupted
                    # It may have been sealed or removed while this waited. A rotation keeps the file.
                    if not os.fstat(fd).st_nlink or not self._is_of(segment, fd):
                        changed = True
                        break
                    yield segment, fd
            if not changed:
                return
            self._listed = Listing(self._disk)

    def _files(self, number: int) -> list[Segment]:
        found = [one for one, _ in self._listed.files if one.number == number]
        return [self._listed.active_segment] if number == self._listed.active else found

    def _open(self, segment: Segment) -> int:
        packed = segment.form is Form.PACKED
        return self._disk.open(segment.name, os.O_RDONLY if packed else os.O_RDWR)

    def _is_of(self, segment: Segment, fd: int) -> bool:
        """Return whether an open file is that of the segment: current.log may be the next one by now."""
        if segment.form is not Form.ACTIVE:
            return self._disk.leads_to(segment.name, fd)
        listed = Listing(self._disk)
        return listed.active == segment.number and self._disk.leads_to(segment.name, fd)

    def _erase_in_place(self, fd: int, runs: Runs) -> None:
        disk, before = self._disk, os.fstat(fd)
        for start, end in runs:
            if end > before.st_size or not _are_whole_lines(fd, start, end):
                # A power cut has left less of the text.
                continue
            for at, piece in _pieces(fd, start, end):
                fresh = erased_text(piece)
                if fresh != piece and os.fstat(fd).st_size >= end:
                    disk.write_at(fd, fresh, at)
        disk.fdatasync(fd)
        # Retention takes the time of the file as the time of its last line; a backup sees another file.
        os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))

    def _erase_packed(self, packed: Segment, runs: Runs) -> int:
        """Make a compressed text and its indexes again; return the bytes of its text."""
        disk = self._disk
        with contextlib.ExitStack() as undo:
            made, is_new, with_words = self._pack(packed, runs, undo)
            self._remove_beside(packed)
            if is_new:
                disk.unlink(packed.index)
                # An index must not come back beside the new text.
                disk.sync_directory()
                disk.rename(tmp(packed.name), packed.name)
                disk.sync_directory()
            save_index(made, packed, disk)
            if with_words:
                disk.rename(tmp(packed.words), packed.words)
        self._remove_if_removed(packed)
        self.outcome.changed.append(packed)
        return made.text

    def _pack(
        self, packed: Segment, runs: Runs, undo: contextlib.ExitStack
    ) -> tuple[Index, bool, bool]:
        """Write the new text and words under temporary names, synced.

        Returns the index, whether any line is another, and whether there are words. The new text has the
        right to make files beside it until the end of `undo`: a start would remove these.
        """
        disk, name = self._disk, tmp(packed.name)
        made, frames, damaged = Indexer(packed.number), compressor(), False
        lines = _FrameLines(runs)
        earlier = self._texts_before(packed)
        undo.callback(disk.unlink, name)
        fd = undo.enter_context(Descriptor(disk.create_anew(name)))
        undo.enter_context(right_to_make(fd, wait=True))
        # Without an index, an interrupted erase has removed it, and perhaps words.
        wanted = self._again or disk.has_name(packed.words) or not disk.has_name(packed.index)
        words = WordIndexBuilder(packed, disk) if wanted else None
        if words is not None:
            undo.callback(words.close)
        is_new = False
        for text, frame, size in _frames(packed, disk):
            if not self._going():
                raise Interrupted
            if text is None:
                # Nobody can read it, so no line of it is in the plan.
                disk.write(fd, frame)
                made.add_unreadable(size, len(frame))
                earlier, damaged = EarlierTexts(), True
                continue
            fresh = lines.erased(made.text, text)
            if fresh != text:
                text, frame, is_new = fresh, frames.compress(fresh), True
            looked = scan_frame(text, len(text), earlier)
            disk.write(fd, frame)
            made.add(looked, frame)
            if words is not None:
                words.add_frame(text, len(text), len(frame), looked.newlines)
        if damaged:
            self.outcome.damaged[packed.number] = "lines of it cannot be read"
        has_words = words is not None and not damaged and words.finish(made.index_so_far())
        old = disk.stat(packed.name)
        os.utime(fd, ns=(old.st_atime_ns, old.st_mtime_ns + 1000))
        disk.fdatasync(fd)
        return made.index_so_far(), is_new, has_words

    def _texts_before(self, packed: Segment) -> EarlierTexts:
        return EarlierTexts(partial(earlier_texts, packed, self._disk, lambda: self._listed.sealed))

    def _remove_beside(self, packed: Segment) -> None:
        """Remove columns and words, and the note that an archive has the segment: it has another text."""
        if self._disk.has_name(packed.archived):
            self.outcome.archived.append(packed.name)
        for name in (packed.columns, packed.words, packed.archived):
            self._disk.unlink(name)

    def _remove_if_removed(self, packed: Segment) -> None:
        """Remove a segment again that retention has removed while its new text got the name."""
        if any(packed.number in run.numbers for run in removed_runs(self._disk)):
            for name in (packed.plain, packed.columns, packed.name, packed.words, packed.index):
                self._disk.unlink(name)

    def _remake_following(self, number: int, distance: int) -> None:
        """Make indexes again that may have a copy of an erased line: the first one of a record.

        distance: the bytes from the last erased line to the end of its segment.
        """
        following = number + 1
        while distance < REACH and following not in self._plan.runs:
            if following >= self._listed.active:
                return
            sizes = [self._remake_index(one) for one, _ in self._open_files(following)]
            if not sizes:
                return
            distance, following = distance + sizes[0], following + 1

    def _remake_index(self, segment: Segment) -> int:
        """Make the index of a compressed segment again; return the bytes of its text."""
        disk = self._disk
        if segment.form is not Form.PACKED:
            return disk.size_or_zero(segment.name)
        self._note(segment.number, 0, 0)
        # Columns have level and host name of the first line of a record; words only those of their lines.
        disk.unlink(segment.columns)
        made = rebuild_index(segment, disk, self._listed.sealed)
        self.outcome.changed.append(segment)
        return made.text


class FinishedErase(NamedTuple):
    """The plan of an erase that was interrupted, and what came of it."""

    plan: ErasePlan
    outcome: EraseOutcome


def finish_erase(disk: Disk, going: Callable[[], bool] = lambda: True) -> FinishedErase | None:
    """Finish an erase that was interrupted; return None if there was none to finish.

    Raises OSError, Interrupted, and StoreError if another process erases.
    """
    if not is_unfinished(disk):
        return None
    with locked_plan(disk) as file:
        if (plan := file.read()) is None:
            return None
        outcome = LineEraser(plan, disk, going=going, again=True).carry_out()
        file.remove()
        return FinishedErase(plan, outcome)


class _FrameLines:
    """The runs of a plan, for one frame after the other."""

    def __init__(self, runs: Runs) -> None:
        self._left = iter(runs)
        self._run = next(self._left, None)

    def erased(self, begin: int, text: bytes) -> bytes:
        """Return the text of a frame, which begins at an offset, with the lines of the runs erased."""
        parts, at, end = [], begin, begin + len(text)
        while (run := self._run) is not None and run[0] < end:
            start, stop = max(run[0], begin), min(run[1], end)
            if start < stop:
                parts += [text[at - begin : start - begin]]
                parts += [erased_text(text[start - begin : stop - begin])]
                at = stop
            if run[1] > end:
                break
            self._run = next(self._left, None)
        return b"".join((*parts, text[at - begin :]))


def _frames(packed: Segment, disk: Disk) -> Iterator[tuple[bytes | None, bytes, int]]:
    """Yield each frame: its text, None if it is damaged, the packed frame, and the size of its text.

    Raises OSError, and ValueError if it is not even known where the frames are.
    """
    found = read_or(None, load_index, packed, disk)
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        if found is None or os.fstat(fd).st_size != found.compressed:
            yield from ((text, frame, len(text)) for text, frame in unpack_frames(packed, disk))
            return
        ends = [*(frame.text for frame in found.frames[1:]), found.text]
        for number, end in enumerate(ends):
            at, size = found.packed_extent(number)
            frame, text = os.pread(fd, size, at), end - found.frames[number].text
            yield _text_or_none(frame, text), frame, text


def _text_or_none(frame: bytes, size: int) -> bytes | None:
    try:
        return unpack_frame(frame, size)
    except ValueError:
        return None


def _are_whole_lines(fd: int, start: int, end: int) -> bool:
    """Return whether a line begins at `start`, and one ends at `end`."""
    before = os.pread(fd, 1, start - 1) if start else b"\n"
    return before == b"\n" and os.pread(fd, 1, end - 1) == b"\n"


def _pieces(fd: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines between two offsets in pieces of about a MiB, each with its offset."""
    wanted = _PIECE
    while start < end and (piece := os.pread(fd, min(wanted, end - start), start)):
        if start + len(piece) < end:
            whole = piece.rfind(b"\n") + 1
            if not whole:
                wanted *= 2
                continue
            piece = piece[:whole]
        yield start, piece
        start, wanted = start + len(piece), _PIECE
