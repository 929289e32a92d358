"""Lines of segments whose text is only in archives: erased there, and in what the store has of them.

The plan is in the folder `erasing.away` of the store before anything is changed, and stays until all is
done. For each segment the folder has another one, where its text is fetched to, verified and synced; lines
are erased in it as in any store. Only then is it put into the archives, in place of the earlier text. So
each step can be done again, and at no moment is the text only in an archive that has half of it: after a
crash, or when an archive cannot be reached, the same command with --everywhere goes on. The last step
replaces the indexes and the note of the archive beside the segment. While this is unfinished, readers of
the store report the segment as changed in the archive.

An index may have a copy of a line before its segment: the first one of a record. So the end of the segment
before comes with each segment, and indexes of segments after it are made again if an erased line is near.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.read.sources import texts_of_store
from logsrv.linelog.read.texts import DamagedSegment
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk, make_directory
from logsrv.linelog.store.index import segment_index
from logsrv.linelog.store.index.indexing import save_index
from logsrv.linelog.store.notes.archive_notes import local_manifest, save_local_manifest
from logsrv.linelog.store.notes.erase_plan import ErasePlan, PlanFile, locked_plan
from logsrv.linelog.store.notes.erased import Erasure, load_erased, save_erased
from logsrv.linelog.store.sealing.erase_lines import LineEraser
from logsrv.linelog.store.segment import Form, Listing, Segment, save_number, tmp

FOLDER = "erasing.away"
Put = Callable[[Disk, list[Segment]], None]
"""Puts segments of a directory into all archives and lakes that have them. Raises LogsrvError, OSError."""


def is_away_unfinished(directory: str) -> bool:
    """Return whether an erase in archives was interrupted."""
    return os.path.isdir(os.path.join(directory, FOLDER))


def plan_away_erase(directory: str, plan: ErasePlan) -> None:
    """Write the plan of an erase of segments in archives. Raises OSError."""
    make_directory(os.path.join(directory, FOLDER))
    with _open_folder(directory) as folder, locked_plan(folder) as file:
        file.write(plan)


def carry_out_away_erase(directory: str, disk: Disk, put: Put) -> ErasePlan | None:
    """Carry out the plan, from where it was interrupted; return it, None if there was none.

    The caller has the right to erase in the store. Raises LogsrvError, OSError, and ValueError for text
    that cannot be read.
    """
    if not is_away_unfinished(directory):
        return None
    with _open_folder(directory) as folder, locked_plan(folder) as file:
        if (plan := file.read()) is not None:
            # The interrupted one comes first: others may need its text, half of which is in an archive.
            for number in sorted(plan.runs, key=lambda one: (not folder.has_name(str(one)), one)):
                _AwaySegment(directory, disk, number, plan).erase(put)
            _note_erasure(plan, disk)
            file.remove()
    shutil.rmtree(os.path.join(directory, FOLDER))
    disk.sync_directory()
    return plan


@contextlib.contextmanager
def _open_folder(directory: str, *names: str) -> Iterator[Disk]:
    with Disk().open_directory(os.path.join(directory, FOLDER, *names)) as folder:
        yield folder


def _note_erasure(plan: ErasePlan, disk: Disk) -> None:
    done = Erasure(plan.time, plan.reason, plan.by, plan.lines, plan.records, len(plan.runs))
    notes = load_erased(disk)
    if done not in notes.erasures:
        save_erased(notes.with_erasure(done), disk)


@attrs.define
class _AwaySegment:
    """A segment in archives, whose lines in a plan are erased."""

    directory: str
    disk: Disk
    number: int
    plan: ErasePlan

    def erase(self, put: Put) -> None:
        if self._is_gone():
            return
        path = os.path.join(self.directory, FOLDER, str(self.number))
        make_directory(path)
        with _open_folder(self.directory, str(self.number)) as work:
            # The number is written last.
            if not work.has_name("number"):
                self._fetch(work)
            self._erase_in(work)
            erased = load_erased(work)
            changed = [one for one in Listing(work).sealed if erased.touches(one.number)]
            put(work, changed)
            for one in changed:
                self._take_over(one, work, erased.segments[one.number])
        shutil.rmtree(path)

    def _is_gone(self) -> bool:
        """Return whether the store has no index of the segment any more, or has its text."""
        return self.number not in {one.number for one in Listing(self.disk).away}

    def _fetch(self, work: Disk) -> None:
        """Fetch the segment, the end of the one before, and later ones that may copy an erased line."""
        with View(self.directory, _refuse, away=True) as view:
            known = {one.number: one for one in view.segments}
            if self.number - 1 in known:
                self._fetch_end(known[self.number - 1], view, work)
            one, distance = self.number, 0
            end = self.plan.runs[self.number].span[1]
            while distance < REACH and one in known and known[one].form in (Form.AWAY, Form.PACKED):
                size = self._fetch_packed(known[one], work)
                distance += size - end if one == self.number else size
                one += 1
        save_number(one, work)
        work.sync_directory()

    def _fetch_packed(self, one: Segment, work: Disk) -> int:
        """Write a compressed segment and its index; return the bytes of its text."""
        with Descriptor(work.create_anew(tmp(one.name))) as fd:
            if one.form is Form.PACKED:
                found = segment_index.load(one, self.disk)
                for piece in self.disk.pieces(one.name):
                    work.write(fd, piece)
            else:
                text = texts_of_store(self.directory)(one, self.disk)
                found = text.index()
                for frame in range(len(found.frames)):
                    at, size = found.packed_extent(frame)
                    work.write(fd, text.frame(frame, at, size))
            moment = parse_rfc3339(one.first_time)
            os.utime(fd, (moment, moment))
            work.fdatasync(fd)
        save_index(found, one, work)
        work.rename(tmp(one.name), one.name)
        return found.text

    def _fetch_end(self, one: Segment, view: View, work: Disk) -> None:
        """Write the last lines of a segment, as one that is not compressed."""
        frames = view.open_segment(one.number)
        if frames is None or one.form is Form.ACTIVE:
            return
        with frames, Descriptor(work.create_anew(one.plain)) as fd:
            try:
                for _, text in frames.lines_between(max(0, frames.size - 2 * REACH), frames.size):
                    work.write(fd, text)
            except DamagedSegment as error:
                raise StoreError(str(error)) from error

    def _erase_in(self, work: Disk) -> None:
        if load_erased(work).erasures:
            return
        with locked_plan(work) as file:
            plan = self._own_plan(file)
            damaged = LineEraser(plan, work, again=True).carry_out().damaged
            if damaged:
                raise StoreError(f"segment {self.number} cannot be erased: {damaged[self.number]}")
            file.remove()

    def _own_plan(self, file: PlanFile) -> ErasePlan:
        if (plan := file.read()) is None:
            plan = attrs.evolve(self.plan, runs={self.number: self.plan.runs[self.number]})
            file.write(plan)
        return plan

    def _take_over(self, one: Segment, work: Disk, span: tuple[int, int]) -> None:
        """Replace what the store has of a segment by what was made of the new text."""
        disk = self.disk
        beside = Segment(one.number, one.name, Form.AWAY)
        if not disk.has_name(beside.archived) and not disk.has_name(one.name):
            # Retention has removed its index meanwhile.
            return
        save_erased(load_erased(disk).with_segment(one.number, *span), disk)
        disk.unlink(one.columns)
        disk.replace(one.index, work.read(one.index))
        if work.has_name(one.words):
            disk.replace(one.words, work.read(one.words))
        else:
            disk.unlink(one.words)
        disk.sync_directory()
        if work.has_name(one.archived):
            save_local_manifest(disk, one, local_manifest(work, one))


def _refuse(why: str) -> None:
    raise StoreError(why)
