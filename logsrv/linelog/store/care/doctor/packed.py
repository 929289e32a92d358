"""A compressed segment: its frames, the index of them, the word index, the note that an archive has it."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import attrs

from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive.kept import archived
from logsrv.linelog.store.care.doctor.aside import keep_aside, make_beside
from logsrv.linelog.store.care.doctor.findings import (
    Remedy,
    StoreFinding,
    Weight,
    damaged,
    lost,
    note,
)
from logsrv.linelog.store.care.doctor.plain import unreadable
from logsrv.linelog.store.care.doctor.salvage import ALLOWED, excess, salvage
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.segments import heads, index, indexing
from logsrv.linelog.store.segments.empty import note_empty
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.segment import Segment
from logsrv.linelog.store.words.check import check_words
from logsrv.linelog.store.words.lookup import Words

_PUT_BACK = "Bring the file back from a backup or an archive while no server has the store."


class PackedSegment:
    """Findings about a compressed segment, the bytes of its text, and the lines of it that can be read.

    None if nobody knows. gone: bytes of its text that cannot be read.

    fd: the file, which stays the caller's. kept: returns who has kept a place in it. entered: tells whether
    a segment is in a catalog. quick: its frames are not read. read: is called with the bytes of each frame
    that was read. Raises FileNotFoundError if the segment is gone by now.
    """

    def __init__(
        self,
        packed: Segment,
        fd: int,
        disk: Disk,
        *,
        kept: Callable[[], Sequence[str]],
        entered: Callable[[Segment], bool],
        quick: bool,
        read: Callable[[int], object],
    ) -> None:
        self.findings: list[StoreFinding] = []
        self.text: int | None = None
        self.lines: int | None = None
        self.gone = 0
        self._packed, self._disk, self._quick, self._read = packed, disk, quick, read
        self._kept, self._entered = kept, entered
        try:
            self._look(fd)
        except OSError as error:
            self.findings.append(unreadable(packed.name, error))
        # Retention removes the text first: what is missing beside it means nothing then.
        disk.stat(packed.name)

    def _look(self, fd: int) -> None:
        found = self._index(os.fstat(fd).st_size)
        if found is not None:
            self.text, self.lines = found.text, found.lines
            self.findings += self._cut(found, os.fstat(fd).st_size)
            if not found.text:
                self.findings.append(self._empty())
            if not self._quick:
                self.findings += self._frames(found, fd)
            lacking = [one.lines for one in self.findings if one.weight is Weight.LOST]
            known = [lines for lines in lacking if lines is not None]
            self.lines = found.lines - sum(known) if len(known) == len(lacking) else None
        elif not self._quick:
            self._without_index()
        self.findings += self._words(found)
        self.findings += self._archived(found)

    def _index(self, size: int) -> Index | None:
        packed, disk = self._packed, self._disk
        try:
            found = index.load(packed, disk)
            why = "" if size <= found.compressed else "it is of a file that was smaller"
        except FileNotFoundError:
            why = "it is missing"
        except OSError as error:
            why = f"it cannot be read: {reason(error)}"
        except ValueError as error:
            why = explanation(error)
        if not why:
            return found
        self.findings.append(
            damaged(
                "index",
                packed.index,
                f"the index of segment {packed.number} is of no use: {why}",
                "No line is lost. A search reads all of the segment.",
                "`--repair` makes it anew; so does `logsrv reindex`.",
                self._make_anew(packed.index),
            )
        )
        return None

    def _make_anew(self, name: str) -> Remedy:
        make = partial(make_beside, self._packed, self._disk, self._entered, name)
        return Remedy(make, beside_server=True)

    def _cut(self, found: Index, size: int) -> Iterator[StoreFinding]:
        lines, text = found.missing(size)
        if text:
            self.gone += text
            yield lost(
                "segment-cut",
                self._packed.name,
                f"it ends after {size:,} of {counted(found.compressed, 'byte')}",
                f"Missing at its end: {counted(lines, 'line')}, {counted(text, 'byte')}. All others can"
                " be read.",
                _PUT_BACK,
                lines=lines,
            )

    def _frames(self, found: Index, fd: int) -> Iterator[StoreFinding]:
        bad: list[int] = []
        other: list[int] = []
        unread: list[int] = []
        size = os.fstat(fd).st_size
        left = ALLOWED
        for number in range(len(found.frames)):
            at, length = found.extent(number)
            if at + length > size:
                break
            small = excess(_text_of(found, number), length)
            left -= small
            if small and left < 0:
                unread.append(number)
                continue
            data = os.pread(fd, min(length, heads.LARGEST_PACKED), at)
            self._read(length)
            if not _is_whole(found, number, data):
                bad.append(number)
            elif (sums := found.sums_of(number)) and zlib.crc32(data) != sums.packed:
                other.append(number)
        if bad:
            yield self._damage(found, bad)
        if other:
            yield damaged(
                "frame",
                self._packed.name,
                f"of {counted(len(found.frames), 'frame')}, {len(other)} are not as they were written:"
                f" {_at(found, other)}",
                "No line is lost. Targets of blocks and archives do not take them as they are.",
                _PUT_BACK,
            )
        if unread:
            yield self._unread(
                f"{len(unread)} of {counted(len(found.frames), 'frame')}", _at(found, unread)
            )

    def _unread(self, what: str, where: str) -> StoreFinding:
        return note(
            "frames-unread",
            self._packed.name,
            f"{what} were not verified: {where}",
            f"They are so small for their text that no more than {ALLOWED >> 20:,} MiB of that are unpacked"
            " here. Searches read all of it.",
        )

    def _damage(self, found: Index, bad: list[int]) -> StoreFinding:
        ends = [*(frame.lines for frame in found.frames[1:]), found.lines]
        lines = sum(ends[number] - found.frames[number].lines for number in bad) or None
        self.gone += sum(_text_of(found, number) for number in bad)
        times = [found.frames[number].times for number in bad]
        since = min((one.smallest for one in times if one.smallest), default="")
        until = max((one.largest for one in times if one.largest), default="")
        when = f", from {since} to {until}," if since else ""
        return lost(
            "segment-damaged",
            self._packed.name,
            f"damaged frames, {len(bad)} of {len(found.frames)}: {_at(found, bad)}",
            f"{'Lines' if lines is None else counted(lines, 'line')}{when} cannot be read. All others of"
            " the segment can: searches pass over these, and say so.",
            _PUT_BACK,
            lines=lines,
        )

    def _without_index(self) -> None:
        """Read the frames one behind the other."""
        text = lines = at = spent = 0
        try:
            for part, taken in index.frames(self._packed, self._disk):
                text += len(part)
                lines += part.count(b"\n")
                self._read(taken)
                at += taken
                spent += excess(len(part), taken)
                # Not two at a time.
                del part
                if spent > ALLOWED:
                    mend = Remedy(self._salvage, beside_server=True)
                    self.findings[-1] = attrs.evolve(self.findings[-1], remedy=mend)
                    self.findings.append(self._unread("frames", f"those from byte {at:,} on"))
                    return
        except ValueError as error:
            del self.findings[-1]
            self.findings.append(
                lost(
                    "segment-damaged",
                    self._packed.name,
                    f"it is damaged behind {counted(lines, 'line')}, and its index is of no use:"
                    f" {explanation(error)}",
                    f"{counted(lines, 'line')} before the damage can be read; those behind it only where a"
                    " search can tell their frames.",
                    "`--repair` lets those behind it be read as well, where they can be found; if heads of"
                    " frames are lost, at places that are too low. Or bring the file and its index back"
                    " from a backup or an archive.",
                    remedy=Remedy(self._salvage, beside_server=True),
                )
            )
            return
        if not at:
            del self.findings[-1]
            self.findings.append(
                lost(
                    "segment-cut",
                    self._packed.name,
                    "it is empty, and no index says that it had no lines",
                    "Its lines are missing, and nobody knows how many.",
                    _PUT_BACK,
                )
            )
            return
        self.text, self.lines = text, lines

    def _empty(self) -> StoreFinding:
        """Return the finding that there never was a line in it: imports have made such files."""
        return damaged(
            "segment-empty",
            self._packed.name,
            "it is an empty file, which `zstdcat` takes for one that was cut off",
            "No line is lost: the segment had none.",
            "`--repair` puts it aside, and notes that it had no lines.",
            Remedy(self._put_aside),
        )

    def _put_aside(self) -> None:
        note_empty(self._packed.number, self._disk)
        for name in self._packed.files:
            keep_aside(name, self._disk)

    def _salvage(self) -> None:
        salvage(self._packed, self._disk, self._kept())

    def _words(self, found: Index | None) -> Iterator[StoreFinding]:
        packed, disk = self._packed, self._disk
        try:
            fd = disk.open(packed.words, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            why = f"it cannot be read: {reason(error)}"
        else:
            why = _wrong_words(fd, found, quick=self._quick)
        if why:
            yield damaged(
                "words",
                packed.words,
                f"the word index of segment {packed.number} is of no use: {why}",
                "No line is lost. A search for a word reads more of the segment, or all of it.",
                "`--repair` makes it anew; so does `logsrv reindex`. It may be removed as well.",
                self._make_anew(packed.words),
            )

    def _archived(self, found: Index | None) -> Iterator[StoreFinding]:
        packed, disk = self._packed, self._disk
        try:
            manifest = archived(disk, packed)
            wrong = manifest.segment.name != packed.name or (
                found is not None and manifest.text != found.text
            )
            why = "it is of another segment" if wrong else ""
        except FileNotFoundError:
            return
        except OSError as error:
            why = f"it cannot be read: {reason(error)}"
        except ValueError as error:
            why = explanation(error)
        if why:
            yield damaged(
                "archived",
                packed.archived,
                f"the note that an archive has segment {packed.number} is of no use: {why}",
                "No line is lost. When the text goes from here, its index goes with it.",
                "`--repair` puts it aside.",
                Remedy(lambda: keep_aside(packed.archived, disk)),
            )


def _is_whole(found: Index, number: int, data: bytes) -> bool:
    """Return whether the text of a frame is what the index says."""
    try:
        text = index.unpacked(data, _text_of(found, number))
    except ValueError:
        return False
    sums = found.sums_of(number)
    if sums is not None:
        return zlib.crc32(text) == sums.text
    frame, after = found.frames[number], found.frames[number + 1 : number + 2]
    looked = indexing.look(text, len(text))
    lines = (after[0].lines if after else found.lines) - frame.lines
    return lines == looked.lines and (not frame.times.sure or frame.times == looked.times)


def _text_of(found: Index, number: int) -> int:
    """Return how much text a frame has."""
    ends = [*(frame.text for frame in found.frames[number + 1 : number + 2]), found.text]
    return ends[0] - found.frames[number].text


def _at(found: Index, numbers: list[int]) -> str:
    places = [f"byte {found.frames[number].at:,}" for number in numbers[:5]]
    return ", ".join(places) + (" …" if len(numbers) > 5 else "")


def _wrong_words(fd: int, found: Index | None, *, quick: bool) -> str:
    """Return what is wrong with a word index, which is closed; "" for nothing."""
    try:
        words = Words(fd)
        if found is not None:
            words.require(found)
        if not quick:
            check_words(words)
    except OSError as error:
        return f"it cannot be read: {reason(error)}"
    except ValueError as error:
        return explanation(error)
    finally:
        os.close(fd)
    return ""
