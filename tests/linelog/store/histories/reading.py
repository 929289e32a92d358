"""What a reader sees of a store, and what it may expect by what was confirmed and seen before."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from logsrv.linelog.backup.backup import Backup
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import REMOVED_MEANWHILE, View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.segment_notes import removed_runs
from logsrv.linelog.store.segment import Position
from tests.linelog.store.histories.calls import Calls

ID = re.compile(rb"<(\d+)>")
# Instead of text that a power cut took, with the rest of the line that ended there.
HOLE = re.compile(rb"\0|bytes never reached the disk\]")


@attrs.define
class Known:
    """The lines that were confirmed, promised to survive a power cut, or seen at a position.

    Each has the number of the operation that comes next: a cut before it takes the knowledge back.
    power_lost: lines may have changed into damaged ones. calls_failed: retention may have removed a segment
    without a note.
    """

    confirmed: dict[int, int] = attrs.field(factory=dict)
    promised: dict[int, int] = attrs.field(factory=dict)
    seen: dict[Position, tuple[bytes, int]] = attrs.field(factory=dict)
    power_lost: bool = False
    calls_failed: bool = False

    def copy(self) -> Known:
        return attrs.evolve(
            self,
            confirmed=dict(self.confirmed),
            promised=dict(self.promised),
            seen=dict(self.seen),
        )

    def confirm(self, ids: Iterable[int], number: int, *, promised: bool) -> None:
        self.confirmed.update(dict.fromkeys(ids, number))
        if promised:
            self.promised.update(dict.fromkeys(ids, number))

    def promise_all(self, ids: Mapping[int, int], failed_sync: int, number: int) -> None:
        """Promise lines, unless a sync has failed since they were written."""
        for one, confirmed in ids.items():
            if confirmed > failed_sync:
                self.promised.setdefault(one, number)

    def forget_after(self, cut: int) -> None:
        """Forget what happened after a cut; all before it is old from now on."""
        self.confirmed = {one: 0 for one, number in self.confirmed.items() if number <= cut}
        self.promised = {one: 0 for one, number in self.promised.items() if number <= cut}
        self.seen = {at: (line, 0) for at, (line, number) in self.seen.items() if number <= cut}

    def lose_power(self) -> None:
        self.power_lost = True
        self.confirmed = dict(self.promised)

    def compare(
        self, hits: list[tuple[Position, bytes]], *, keeps_all: bool, gone: Collection[int] = ()
    ) -> list[int]:
        """Compare lines that were read with what is known; return the numbers of the lines.

        gone: those that may be missing anywhere.
        """
        ids = []
        for position, line in hits:
            before, _ = self.seen.get(position, (None, 0))
            found = ID.search(line)
            if found and b"word%b " % found[1] in line:
                ids.append(int(found[1]))
                old = ID.search(before or b"")
                same = old is None or old[1] == found[1] or HOLE.search(line)
                assert same, f"{position} is used twice"
            changed = before is not None and not before.startswith(line)
            assert not changed or self.power_lost, f"the line at {position} has changed"
        assert len(ids) == len(set(ids)), "a line is there twice"
        assert ids == sorted(ids), "lines are not in their order"
        missing = set(self.confirmed) - {*ids, *gone}
        if not keeps_all:
            # A power cut may bring back what retention has removed, so that the first line says nothing.
            first = max(missing, default=0) if self.power_lost else min(ids, default=0)
            missing = {one for one in missing if ids and one > first}
        assert not missing, f"lost, though confirmed: {sorted(missing)}"
        return ids


class DisturbedView(View):
    """A view that lets the threads of the store go on in the middle of a read."""

    disturb: Callable[[], object] = staticmethod(lambda: None)

    def is_active_file(self, fd: int) -> bool:
        self.disturb()
        found = super().is_active_file(fd)
        self.disturb()
        return found

    def open_segment(self, number: int) -> SegmentFrames | None:
        self.disturb()
        return super().open_segment(number)


class Reader:
    """A follower from the start on, and searches. keeps_all: no retention removes lines."""

    def __init__(self, store: Path, calls: Calls, *, keeps_all: bool) -> None:
        self._store = store
        self._complaints: list[str] = []
        self._calls, self._keeps_all = calls, keeps_all
        self._view = DisturbedView(str(store), self._complaints.append)
        self._follower = Follower(self._view, Position(0, 0))
        self._followed = b""

    def close(self) -> None:
        self._follower.close()
        self._view.close()

    def follow(self, disturb: Callable[[], object]) -> None:
        """Read on with the follower, which the threads of the store disturb."""
        with self._disturbed(disturb):
            self._follow()

    @contextmanager
    def _disturbed(self, disturb: Callable[[], object]) -> Iterator[None]:
        self._view.disturb = disturb
        try:
            yield
        finally:
            self._view.disturb = lambda: None

    def _follow(self) -> None:
        while news := self._follower.read():
            self._followed = b"" if news.has_gap else self._followed
            self._followed += news.text

    def search(self, known: Known, disturb: Callable[[], object]) -> None:
        """Read all with a search that the threads of the store disturb; compare it with what is known."""
        with self._disturbed(disturb):
            self._view.refresh_if_rotated()
            known.compare(search(self._view, ""), keeps_all=self._keeps_all)

    def check(self, known: Known) -> None:
        """Read on with the follower, read all with a search, and compare both with what is known."""
        self._follow()
        hits = search(self._view, "")
        text = b"".join(line + b"\n" for _, line in hits)
        # Retention may remove what the follower has read, and a power cut bring it back.
        assert self._followed == text or not self._keeps_all, (
            f"followed {ID.findall(self._followed)}, found {ID.findall(text)}"
        )
        ids = known.compare(hits, keeps_all=self._keeps_all)
        for one in ids[len(ids) // 2 :][:1]:
            assert len(search(self._view, f"word{one:06}")) == 1, f"word{one} is not found once"
        known.seen.update((at, (line, len(self._calls.operations))) for at, line in hits)
        known.calls_failed |= self._calls.failed
        if self._keeps_all or not known.calls_failed:
            complaints = [one for one in self._complaints if not self._is_true_removal(one)]
            assert not complaints, complaints

    def _is_true_removal(self, complaint: str) -> bool:
        """Whether it tells that retention has removed, and noted, a segment in the middle of a read."""
        told = re.fullmatch(rf"segment (\d+) {REMOVED_MEANWHILE}", complaint)
        if told is None or self._keeps_all:
            return False
        with Disk().open_directory(self._store) as disk:
            return any(int(told[1]) in run.numbers for run in removed_runs(disk))


def search(view: View, query: str) -> list[tuple[Position, bytes]]:
    with closing(Search(view, make_matcher(parse(query)), Scope(), processes=1)) as found:
        return [(hit.position, hit.line) for hit in found.hits()]


def backed_up(store: Path, target: Path, known: Known, *, keeps_all: bool) -> None:
    """Make a backup, or continue the last one; it has each line that was confirmed."""
    target.mkdir(exist_ok=True)
    with Disk().open_directory(store) as source, Disk().open_directory(target) as to:
        for _ in Backup(source, to, "backup", lambda: "2026-11-20T06:00:00Z").copy_segments():
            pass
    with View(str(target), lambda sentence: None) as view:
        found = search(view, "")
    # What retention has removed since the last backup is missing behind what that one has.
    gone = () if keeps_all else set(known.confirmed) - ids_in(store)
    known.compare(found, keeps_all=keeps_all, gone=gone)


def ids_in(store: Path) -> set[int]:
    with View(str(store), lambda sentence: None) as view:
        found = [ID.search(line) for _, line in search(view, "")]
    return {int(one[1]) for one in found if one}
