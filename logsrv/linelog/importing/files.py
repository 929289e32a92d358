"""The files of an import: found, unpacked, framed, their lines dated, and merged in the order of times."""

from __future__ import annotations

import heapq
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from logsrv.kit.connections.source import escaped_word
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.linelog.importing.dated import LineMoments
from logsrv.linelog.importing.hostnames import HostnameAdder
from logsrv.linelog.importing.readable import CHUNK, JOURNAL, readable_text, unpack_file
from logsrv.linelog.lines.bodies import Records, RequestRefused
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.inflated import UnpackingError
from logsrv.linelog.lines.journal_entries import MOST_ENTRY, JournalEntry, JournalFramer, add_entry
from logsrv.linelog.lines.records import RecordRun, frame_records
from logsrv.linelog.lines.rules import LineCounts, LineRules
from logsrv.linelog.store.disk import explanation, reason

STDIN = "-"
# The first time of a file is looked for before its lines are read. Standard input cannot be read twice:
# only its first bytes, at most so many, are kept for that.
_AHEAD = 1 << 20
_RULES = LineRules(telnet=False)
_ENTRY_RULES = LineRules(telnet=False, max_line=8 * MOST_ENTRY)
# A file whose first bytes have a NUL that belongs to no run is no text.
_TELLING = 1024
_ROTATED = re.compile(r"\.([0-9]+)(?:\.[a-z0-9]+)?$")
# The most bytes of lines that wait in memory to be sorted; with more, the earliest are written. Each run
# counts as so many bytes more.
_WAITING, _RUN = 128 << 20, 200
# The most bytes of a path in SOURCE, from its end: after a crash, only stamps of at most 1,024 bytes are
# recognized.
_LONGEST_NAME = 900

UNREADABLE = (OSError, UnpackingError)
"""The exceptions that reading and unpacking a file raise."""

Tell = Callable[[str], None]


class LogFile:
    """A file to import, or standard input.

    name: path as given or found. shown: the path for messages, on one line. source: SOURCE of its lines.
    dated: counts and moments of the last reading.
    identity: path, size and time of change, to recognize the file in a later import.
    taken: bytes of the file read so far. unpacked: bytes of text so far.
    exact: count each line without a time, which takes longer. by_time: sort its lines by their times.
    utf8_from: offset of the first byte in UTF-8 behind text in UTF-16, None without such text.
    hostnames: adds a hostname to lines without one; None leaves them. has_no_hostname_in_path: whether one
    was looked for in its path, and not found.
    cut: sentences about why it could not be read to its end. without_fields: number of journal entries
    of which fields were too long, and dropped.
    """

    def __init__(self, path: str, tell: Tell) -> None:
        self.name, self.shown = path, _path_for_message(path)
        self.source = "file:" + escaped_word(os.fsencode(path).decode("latin-1"))[-_LONGEST_NAME:]
        self._tell = tell
        if path == STDIN:
            written, self.size = time.time_ns(), 0
        else:
            found = os.stat(path)
            written, self.size = found.st_mtime_ns, found.st_size
        self._written = written // 1000
        absolute = path if path == STDIN else os.fsencode(os.path.abspath(path)).decode("latin-1")
        self.identity = [absolute, self.size, written]
        self.taken = self.unpacked = self.without_fields = 0
        self.utf8_from: int | None = None
        self.cut: list[str] = []
        self.exact = self.by_time = self.has_no_hostname_in_path = False
        self.hostnames: HostnameAdder | None = None
        self.dated = LineMoments(self._written)
        self._begin: int | None = None
        self._day_first: bool | None = None
        self._first_years: Sequence[int] | None = None
        self._unread = b""

    def read_first_moment(self) -> int | None:
        """Return the moment of the first line, of the earliest with `by_time`; None without lines.

        Reads the file up to the first time in it. The lines before the first time get this time, too.
        """
        if self.name == STDIN:
            self._unread = sys.stdin.buffer.read(_AHEAD)
        self._read_to_first_time()
        if self.dated.day_first is not None:
            # The order of day and month is known now, so earlier lines may have a time: read again.
            self._day_first, self._first_years = self.dated.day_first, None
            self._read_to_first_time()
        self._begin = self.dated.said
        moment = self.dated.first if self._begin is None else self._begin
        if self.by_time:
            with closing(self._sorted_dated_lines()) as runs:
                moment, _ = next(runs, (moment, b""))
        self.taken = self.unpacked = self.without_fields = 0
        self.cut = []
        return moment

    def read_dated_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield runs, consecutive lines of the same moment, oldest first; report damage of the file."""
        yield from self._sorted_dated_lines() if self.by_time else self._read_dated_lines()
        for why in self.cut:
            self._tell(why)

    def with_hostname(self, moment: int, lines: bytes) -> bytes:
        """Return lines of a run, the next one in the order of the file, with the hostname they get."""
        return lines if self.hostnames is None else self.hostnames.add(moment, lines)

    def _sorted_dated_lines(self) -> Generator[tuple[int, bytes]]:
        """Yield the runs sorted by moment; equal moments keep their order.

        A line that comes more than 128 MiB after younger ones counts as late, and gets their moment.
        """
        newest = 0
        for moment, lines in _sort_by_moment(self._read_dated_lines(), _WAITING):
            if moment < newest:
                self.dated.late += lines.count(b"\n")
                self.dated.latest = max(self.dated.latest, newest - moment)
            newest = max(newest, moment)
            yield newest, lines

    def _read_first_years(self) -> Sequence[int]:
        """Read all of the file, once, for the years of dates that have none."""
        if self._first_years is None:
            before = self.dated, self.cut, self.taken, self.unpacked, self.without_fields
            self.dated, self.cut = LineMoments(self._written, day_first=self._day_first), []
            for _ in self._date_text(peeking=False):
                pass
            self._first_years = self.dated.find_first_years()
            self.dated, self.cut, self.taken, self.unpacked, self.without_fields = before
        return self._first_years

    def _read_to_first_time(self) -> None:
        self.dated = LineMoments(self._written)
        with closing(self._read_dated_lines(peeking=True)) as runs:
            while self.dated.said is None and next(runs, None):
                pass

    def _read_dated_lines(self, *, peeking: bool = False) -> Generator[tuple[int, bytes]]:
        self.dated = LineMoments(
            self._written,
            self._begin,
            day_first=self._day_first,
            read_first_years=None if self.name == STDIN else self._read_first_years,
            exact=self.exact,
            as_said=self.by_time,
        )
        yield from self._date_text(peeking)

    def _date_text(self, peeking: bool) -> Iterator[tuple[int, bytes]]:
        read = readable_text(self._read_bytes(peeking), partial(setattr, self, "utf8_from"))
        chunks: Iterator[bytes] = filter(None, read)
        begin = next(chunks, b"")
        chunks = chain([begin], chunks)
        if JOURNAL.match(begin):
            yield from self._date_journal_entries(chunks)
        else:
            yield from self._date_lines(chunks)

    def _date_lines(self, chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
        framer = LineFramer(_RULES, LineCounts())
        for chunk in chunks:
            block = framer.receive(chunk)
            if block is not None:
                yield from self.dated.runs_with_moments(bytes(block))
        last = framer.finish()
        if last is not None:
            yield from self.dated.runs_with_moments(bytes(last))

    def _date_journal_entries(self, chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
        framer = JournalFramer()
        try:
            for chunk in chunks:
                yield from self.dated.journal_runs(self._frame_entries(framer.receive(chunk)))
            yield from self.dated.journal_runs(self._frame_entries(framer.finish()))
        except RequestRefused as error:
            self.cut.append(f"{self.shown}: {error}; the entries before that are imported")

    def _frame_entries(self, entries: Sequence[JournalEntry]) -> bytes:
        records = Records()
        for entry in entries:
            # With this limit every entry becomes JSON: text would have no time.
            add_entry(entry, _ENTRY_RULES.max_line, records)
        self.without_fields += records.refused_count
        lines = [
            line for run in records.take_runs() if isinstance(run, RecordRun) for line in run.lines
        ]
        block, _ = frame_records(lines, _ENTRY_RULES, LineCounts())
        return b"" if block is None else bytes(block)

    def _read_bytes(self, peeking: bool) -> Iterator[bytes]:
        """Yield the unpacked file in pieces, up to where it cannot be read further."""
        if self.name == STDIN:
            yield self._count_unpacked(self._unread)
            while not peeking and (chunk := sys.stdin.buffer.read(CHUNK)):
                yield self._count_unpacked(chunk)
            return
        try:
            with open(self.name, "rb") as file:
                for chunk in unpack_file(file):
                    self.taken = file.tell()
                    yield self._count_unpacked(chunk)
        except UNREADABLE as error:
            self.cut.append(f"{self.shown} cannot be read to its end: {explanation(error)}")

    def _count_unpacked(self, chunk: bytes) -> bytes:
        self.unpacked += len(chunk)
        return chunk


def _sort_by_moment(runs: Iterator[tuple[int, bytes]], most: int) -> Iterator[tuple[int, bytes]]:
    """Sort runs by moment with at most `most` bytes waiting; above that, yield the earliest one."""
    waiting: list[tuple[int, int, bytes]] = []
    size = 0
    for number, (moment, lines) in enumerate(runs):
        heapq.heappush(waiting, (moment, number, lines))
        size += len(lines) + _RUN
        while size > most:
            moment, _, lines = heapq.heappop(waiting)
            size -= len(lines) + _RUN
            yield moment, lines
    yield from ((moment, lines) for moment, _, lines in sorted(waiting))


def _path_for_message(path: str) -> str:
    """Return a path for a message, on one line, so that a file's name cannot forge a log line."""
    return one_line(path, SHOWN_PATH_LENGTH)


def _unreadable(path: str, error: OSError) -> str:
    return f"{_path_for_message(path)} cannot be read: {reason(error)}"


def find_log_files(paths: Sequence[str], tell: Tell, leave: Tell) -> list[LogFile]:
    """Return the files of an import in a fixed order, the rotated ones with the oldest first.

    tell: called with a sentence for a path that cannot be used, and is skipped. leave: called with a
    sentence for a file in a directory that is skipped because it is no text.
    """
    names: list[str] = []
    for path in paths:
        try:
            names += _files_within(path, tell, leave) if path != STDIN else [STDIN]
        except OSError as error:
            tell(_unreadable(path, error))
    found = []
    for name in sorted(set(names), key=_rotation_key):
        try:
            found.append(LogFile(name, tell))
        except OSError as error:
            tell(_unreadable(name, error))
    return found


def _rotation_key(name: str) -> tuple[str, int, str]:
    rotated = _ROTATED.search(name)
    number = int(rotated[1]) if rotated else 0
    return name[: rotated.start()] if rotated else name, -number, name


def _files_within(path: str, tell: Tell, leave: Tell) -> list[str]:
    if stat.S_ISREG(os.stat(path).st_mode):
        return [path]
    if not os.path.isdir(path):
        tell(f"{_path_for_message(path)} is neither a file nor a directory; left out")
        return []
    found = []
    for folder, folders, names in os.walk(
        path, onerror=lambda error: tell(_unreadable(error.filename, error))
    ):
        folders.sort()
        for name in sorted(names):
            one = os.path.join(folder, name)
            if os.path.islink(one) or not Path(one).is_file():
                continue
            if _counts_as_text(one):
                found.append(one)
            else:
                leave(f"{_path_for_message(one)} is no text; left out")
    return found


def _counts_as_text(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            begin = b""
            for text in readable_text(unpack_file(file)):
                begin += text
                if len(begin) >= _TELLING:
                    break
    except UNREADABLE:
        # It counts as text, so that the import reads it, and reports the reason.
        return True
    return b"\0" not in begin[:_TELLING] or JOURNAL.match(begin) is not None


Run: TypeAlias = tuple[int, LogFile, bytes]
"""A moment, a file, and lines of it."""


def merge_by_moment(files: Sequence[LogFile]) -> Iterator[Run]:
    """Merge the runs of files by moment; at equal moments, the first file in `files` comes first.

    Each file is first read up to its first time, and closed; it is opened again when its first line is
    next.
    """
    runs = [_dated_lines_with_index(index, file) for index, file in enumerate(files)]
    for moment, index, lines in heapq.merge(*runs, key=itemgetter(0, 1)):
        if lines:
            yield moment, files[index], lines


def _dated_lines_with_index(index: int, file: LogFile) -> Iterator[tuple[int, int, bytes]]:
    first = file.read_first_moment()
    if first is not None:
        yield first, index, b""
    # A file without lines still reports what is wrong with it.
    for moment, lines in file.read_dated_lines():
        yield moment, index, lines
