"""The history of a directory, built from a record: names, contents, syncs and acknowledgements.

An operation has a number, its place in the record. A cut at number n comes after operation n - 1: the
operations before n were done, the others were not.
"""

import bisect
import functools
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from tests.parts.powercut.recording import Kind, Operation

DIRECTORY = -1
"""The node that the name of a directory stands for."""


@attrs.frozen
class NameChange:
    """An operation on names. entries: each changed path with its node afterwards, or None if it is gone.

    replaced: whether a rename took the place of another file.
    """

    number: int
    entries: tuple[tuple[str, int | None], ...]
    replaced: bool
    text: str

    @property
    def folders(self) -> set[str]:
        """Return the directories whose sync makes the change certain."""
        return {os.path.dirname(path) for path, _ in self.entries}


@attrs.frozen
class Change:
    """A write of `data` to a file at `offset`, or a truncation to that size if data is None."""

    number: int
    offset: int
    data: bytes | None

    def applied(self, text: bytearray) -> None:
        if self.data is None:
            del text[self.offset :]
        text.extend(bytes(max(0, self.offset - len(text))))
        if self.data is not None:
            text[self.offset : self.offset + len(self.data)] = self.data


@attrs.frozen
class Synced:
    """A sync that returned: after `end`, the changes before `begin` are certain if the sync was `good`."""

    begin: int
    end: int
    good: bool


@attrs.define(eq=False, slots=False)
class File:
    """The changes of a file and its syncs, in order."""

    changes: list[Change] = attrs.field(factory=list)
    syncs: list[Synced] = attrs.field(factory=list)

    @functools.cached_property
    def resizing(self) -> list[int]:
        """Return the changes that change the size: a sync without any of them need not write
        the journal.
        """
        found, size = [], 0
        for one in self.changes:
            end = one.offset + len(one.data or b"")
            if one.data is None or end > size:
                found.append(one.number)
                size = end
        return found

    def text(self, until: int) -> bytes:
        """Return the text that a reader finds when `until` is the next operation."""
        return self.with_changes(range(sum(one.number < until for one in self.changes)))

    def certain(self, cut: int) -> tuple[int, ...]:
        """Return the places of the changes that no cut can undo.

        After a failed write-back Linux marks the pages as clean: changes from before its end that are not
        certain by then do not become certain by any later sync.
        """
        ends, sure = self._certain
        return sure[bisect.bisect_left(ends, cut)]

    @functools.cached_property
    def _certain(self) -> tuple[list[int], list[tuple[int, ...]]]:
        """Return the ends of the syncs, in order, and the changes certain before the first and
        after each.
        """
        numbers = [one.number for one in self.changes]
        lost: set[int] = set()
        sure: set[int] = set()
        ends: list[int] = []
        found: list[tuple[int, ...]] = [()]
        for sync in sorted(self.syncs, key=lambda one: one.end):
            before = range(bisect.bisect_left(numbers, sync.begin if sync.good else sync.end))
            if sync.good:
                sure.update(set(before) - lost)
            else:
                lost.update(set(before) - sure)
            ends.append(sync.end)
            found.append(tuple(sorted(sure)))
        return ends, found

    def with_changes(self, places: Iterable[int]) -> bytes:
        """Return the text of a file that only has these changes."""
        return _applied(self, tuple(places))


@functools.lru_cache(256)
def _applied(file: File, places: tuple[int, ...]) -> bytes:
    text = bytearray()
    for place in places:
        file.changes[place].applied(text)
    return bytes(text)


class History:
    """A record as a file system: `files` by node, `folders` by path with their syncs.

    acknowledged: (number of the operation, id of a line) for each answer to a peer; a mark `relp PORT
    FIRST` says which lines the answers on a connection acknowledge. A mark `there DIRECTORY` names a
    directory that every cut keeps. marks: the other marks.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.names: list[NameChange] = []
        self.files: dict[int, File] = defaultdict(File)
        self.folders: dict[str, list[Synced]] = defaultdict(list)
        self.acknowledged: list[tuple[int, int]] = []
        self.marks: dict[str, int] = {}
        self._there: dict[str, int | None] = {"": DIRECTORY}
        self._now: dict[str, int | None] = {}
        self._nodes: dict[int, int] = {}
        self._begun: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        self._unread: dict[int, bytes] = defaultdict(bytes)
        for number, one in enumerate(operations):
            self._take(number, one)
        self.length = len(operations)

    def _take(self, number: int, one: Operation) -> None:
        match one.kind:
            case Kind.CREATE:
                self._nodes[one.ino] = number
                self.files[number] = File()
                self._name(number, one, (one.path, number))
            case Kind.MKDIR:
                self._name(number, one, (one.path, DIRECTORY))
            case Kind.LINK:
                self._name(number, one, (one.second, self._now[one.path]))
            case Kind.RENAME:
                self._name(number, one, (one.second, self._now[one.path]), (one.path, None))
            case Kind.UNLINK | Kind.RMDIR:
                self._name(number, one, (one.path, None))
            case Kind.WRITE | Kind.TRUNCATE:
                data = one.data if one.kind is Kind.WRITE else None
                self._file(one).changes.append(Change(number, one.offset, data))
            case Kind.SYNC:
                self._begun[one.at] = number
            case Kind.SYNCED:
                done = Synced(self._begun[one.offset], number, one.result == 0)
                known = one.ino in self._nodes
                (self._file(one).syncs if known else self.folders[one.path]).append(done)
            case Kind.SEND:
                self._answer(number, one)
            case Kind.MARK:
                self._mark(number, one.path)

    def _file(self, one: Operation) -> File:
        return self.files[self._nodes[one.ino]]

    def _name(self, number: int, one: Operation, *entries: tuple[str, int | None]) -> None:
        replaced = one.kind is Kind.RENAME and self._now.get(one.second) is not None
        self._now.update(entries)
        self.names.append(NameChange(number, entries, replaced, str(one)))

    def _mark(self, number: int, text: str) -> None:
        if text.startswith("relp "):
            port, first = map(int, text.split()[1:])
            self._waiting[port], self._unread[port] = first, b""
        elif text.startswith("there "):
            self._there[text.partition(" ")[2]] = DIRECTORY
        else:
            self.marks[text] = number

    def _answer(self, number: int, one: Operation) -> None:
        port = one.offset
        if port not in self._waiting:
            return
        *whole, self._unread[port] = (self._unread[port] + one.data).split(b"\n")
        for line in whole:
            if line.endswith(b" rsp 6 200 OK"):
                self.acknowledged.append((number, self._waiting[port]))
                self._waiting[port] += 1

    def entries(self, changes: Iterable[NameChange]) -> dict[str, int]:
        """Return the node of each path after these changes of names; a path needs its directory
        to exist.
        """
        found = dict(self._there)
        for change in changes:
            found.update(change.entries)
        kept = {path: node for path, node in sorted(found.items()) if node is not None}
        return {
            path: node
            for path, node in kept.items()
            if not path or _reachable(os.path.dirname(path), kept)
        }

    def cuts(self) -> list[int]:
        """Return the cuts that may leave different states: for each state the last cut that leaves it.

        So the cut comes after all acknowledgements that were sent in this state.
        """
        changing = (Kind.SEND, Kind.MARK, Kind.SYNC)
        numbers = [n for n, one in enumerate(self.operations) if one.kind not in changing]
        return [*numbers[1:], self.length]


def _reachable(folder: str, kept: dict[str, int]) -> bool:
    while folder:
        if kept.get(folder) != DIRECTORY:
            return False
        folder = os.path.dirname(folder)
    return True
