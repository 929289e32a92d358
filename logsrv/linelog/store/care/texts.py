"""The texts of segments. A compressed one: its frames, their index, the words, the note of an archive.

Of a segment whose text is in an archive only, what is here to find it by. Those that wait to be compressed,
and current.log, have no checksums.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import attrs

from logsrv.descriptor import Descriptor
from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive.kept import archived
from logsrv.linelog.store.care.aside import keep_aside, make_beside
from logsrv.linelog.store.care.findings import SegmentText, StoreFinding, Weight, finding
from logsrv.linelog.store.care.salvage import ALLOWED, excess, salvage
from logsrv.linelog.store.segments import heads, index, indexing
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.removed import note_empty
from logsrv.linelog.store.segments.segment import Form, Segment
from logsrv.linelog.store.segments.times import SHAPE, SIZE, shape_of
from logsrv.linelog.store.segments.torn import end_of_text, holes, start_of_line
from logsrv.linelog.store.words.check import check_words
from logsrv.linelog.store.words.lookup import Words

_PIECE = 1 << 20


@attrs.define(kw_only=True)
class PackedSegment:
    """A compressed segment, and what is beside it.

    kept: returns who has kept a place in it. entered: tells whether a segment is in a catalog. quick: its
    frames are not read. read: is called with the bytes of each frame that was read.
    """

    packed: Segment
    disk: Disk
    looked: SegmentText
    kept: Callable[[], Sequence[str]]
    entered: Callable[[Segment], bool]
    quick: bool
    read: Callable[[int], object]

    def findings(self) -> list[StoreFinding]:
        """Return what is wrong with it. Raises OSError: FileNotFoundError if it is gone by now."""
        wrong: list[StoreFinding] = []
        found, why = self._index()
        if self.packed.form is Form.AWAY:
            if why and self.disk.holds(self.packed.index):
                wrong.append(finding("away-index", self.packed.index, why=why))
        else:
            with Descriptor(self.disk.open(self.packed.name, os.O_RDONLY)) as fd:
                if found is not None and os.fstat(fd).st_size > found.compressed:
                    found, why = None, "it is of a file that was smaller"
                wrong += self._text(found, why, fd)
            # Retention removes the text first: what is missing beside it means nothing then.
            self.disk.stat(self.packed.name)
        return [*wrong, *self._words(found), *self._archived(found)]

    def _index(self) -> tuple[Index | None, str]:
        """Return the index, or why it is of no use."""
        try:
            return index.load(self.packed, self.disk), ""
        except FileNotFoundError:
            return None, "it is missing"
        except (OSError, ValueError) as error:
            return None, explanation(error)

    def _text(self, found: Index | None, why: str, fd: int) -> Iterator[StoreFinding]:
        if found is None:
            mend = self._make_anew(self.packed.index)
            no_index = finding("index", self.packed.index, why=why, remedy=mend)
            yield from [no_index] if self.quick else self._without_index(no_index)
            return
        self.looked.text, self.looked.lines = found.text, found.lines
        wrong = [
            *self._cut(found, os.fstat(fd).st_size),
            *(() if self.quick else self._frames(found, fd)),
        ]
        for one in wrong:
            if one.weight is Weight.LOST:
                known, gone = self.looked.lines, one.lines
                self.looked.lines = None if known is None or gone is None else known - gone
        yield from wrong
        if not found.text:
            yield finding("segment-empty", self.packed.name, remedy=self._put_aside)

    def _make_anew(self, name: str) -> Callable[[], object]:
        return partial(make_beside, self.packed, self.disk, self.entered, name)

    def _cut(self, found: Index, size: int) -> Iterator[StoreFinding]:
        lines, text = found.missing(size)
        if text:
            self.looked.gone += text
            ends = f"it ends after {size:,} of {counted(found.compressed, 'byte')}"
            why = f"{ends}: {counted(lines, 'line')}, {counted(text, 'byte')} are missing"
            yield finding("segment-cut", self.packed.name, why=why, missing=lines)

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
            self.read(length)
            if not _is_whole(found, number, data):
                bad.append(number)
            elif (sums := found.sums_of(number)) and zlib.crc32(data) != sums.packed:
                other.append(number)
        name = self.packed.name
        if bad:
            yield self._damage(found, bad)
        if other:
            yield finding("frame", name, frames=_named(found, other))
        if unread:
            yield self._unread(_named(found, unread))

    def _unread(self, frames: str) -> StoreFinding:
        return finding(
            "frames-unread", self.packed.name, frames=frames, most=f"{ALLOWED >> 20:,} MiB"
        )

    def _damage(self, found: Index, bad: list[int]) -> StoreFinding:
        ends = [*(frame.lines for frame in found.frames[1:]), found.lines]
        lines = sum(ends[number] - found.frames[number].lines for number in bad) or None
        self.looked.gone += sum(_text_of(found, number) for number in bad)
        times = [found.frames[number].times for number in bad]
        since = min((one.smallest for one in times if one.smallest), default="")
        until = max((one.largest for one in times if one.largest), default="")
        when = f", from {since} to {until}," if since else ""
        why = (
            f"damaged frames, {_named(found, bad)}: {'lines' if lines is None else counted(lines, 'line')}"
            f"{when} cannot be read"
        )
        return finding("segment-damaged", self.packed.name, why=why, missing=lines)

    def _without_index(self, no_index: StoreFinding) -> Iterator[StoreFinding]:
        """Read the frames one behind the other. no_index: the finding if all of them are whole."""
        text = lines = at = spent = 0
        try:
            for part, taken in index.frames(self.packed, self.disk):
                text += len(part)
                lines += part.count(b"\n")
                self.read(taken)
                at += taken
                spent += excess(len(part), taken)
                # Not two at a time.
                del part
                if spent > ALLOWED:
                    yield attrs.evolve(no_index, remedy=self._salvage)
                    yield self._unread(f"from byte {at:,} on")
                    return
        except ValueError as error:
            behind = f"it is damaged behind {counted(lines, 'line')}"
            why = f"{behind}, and its index is of no use: {explanation(error)}"
            yield finding("segment-damaged", self.packed.name, why=why, remedy=self._salvage)
            return
        if at:
            self.looked.text, self.looked.lines = text, lines
            yield no_index
        else:
            why = "it is empty, and no index says that it had no lines"
            yield finding("segment-cut", self.packed.name, why=why)

    def _salvage(self) -> None:
        salvage(self.packed, self.disk, self.kept())

    def _put_aside(self) -> None:
        note_empty(self.packed.number, self.disk)
        for name in self.packed.files:
            keep_aside(name, self.disk)

    def _words(self, found: Index | None) -> Iterator[StoreFinding]:
        try:
            with Descriptor(self.disk.open(self.packed.words, os.O_RDONLY)) as fd:
                words = Words(fd)
                if found is not None:
                    words.require(found)
                if not self.quick:
                    check_words(words)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            why, name = explanation(error), self.packed.words
            if self.packed.form is Form.AWAY:
                yield finding("away-index", name, why=why)
            else:
                yield finding("words", name, why=why, remedy=self._make_anew(name))

    def _archived(self, found: Index | None) -> Iterator[StoreFinding]:
        away = self.packed.form is Form.AWAY
        try:
            manifest = archived(self.disk, self.packed)
            if manifest.segment.name != self.packed.name:
                raise ValueError("it is of another segment")
            if found is not None and manifest.text != found.text:
                raise ValueError("it is of another text")
            if away:
                self.looked.text, self.looked.lines = manifest.text, manifest.lines
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            mend = None if away else partial(keep_aside, self.packed.archived, self.disk)
            yield finding("archived", self.packed.archived, why=explanation(error), remedy=mend)


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


def _named(found: Index, numbers: list[int]) -> str:
    places = [f"byte {found.frames[number].at:,}" for number in numbers[:5]]
    more = " …" if len(numbers) > 5 else ""
    return f"{len(numbers)} of {len(found.frames)}: {', '.join(places)}{more}"


def check_text(
    name: str, fd: int, looked: SegmentText, *, quick: bool, waits: bool = False
) -> Iterator[StoreFinding]:
    """Yield what is wrong with the text of a segment that is not compressed. Raises OSError.

    quick: only its end is read. waits: it is complete, and waits to be compressed: elsewhere the next start
    mends a line that has no end.
    """
    looked.text = os.fstat(fd).st_size
    nuls = end_of_text(fd, looked.text)
    end = start_of_line(fd, nuls)
    if nuls < looked.text:
        yield finding("hole", name, at=f"{nuls} to {looked.text}")
    if waits and end < nuls:
        yield finding("torn-end", name, size=counted(nuls - end, "byte"))
    if quick:
        return
    for start, stop in holes(fd, 0, nuls):
        yield finding("hole", name, at=f"{start} to {stop}")
    looked.lines, odd = _count(fd, end)
    if odd:
        yield finding("odd-lines", name, lines=counted(odd, "line"))


def _count(fd: int, end: int) -> tuple[int, int]:
    """Return the number of lines, and of those that do not begin with a TIME."""
    at = odd = count = 0
    rest = b""
    while at < end and (piece := os.pread(fd, min(_PIECE, end - at), at)):
        at += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        # Of a line that does not end the beginning will do.
        rest = rest[:SIZE]
        count += len(lines)
        heads = b"".join([line[:SIZE].ljust(SIZE) for line in lines])
        if shape_of(heads) != SHAPE * len(lines):
            odd += sum(shape_of(line[:SIZE]) != SHAPE for line in lines)
    return count, odd
