"""Stores made by hand: segments in any form, with lines at any time."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.read.view import View
from logsrv.linelog.read.watched_stores import WatchedStores
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.segment_notes import RemovedRun, note_removed, remove_empty_segment
from logsrv.linelog.store.sealing import seal as sealing
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, sealed_name, sealed_segments
from logsrv.linelog.store.words import build as word_building
from tests.parts.made_columns import make_columns

BEGIN = parse_rfc3339("2026-11-20T06:00:00Z")


def line(message: str | bytes, seconds: float = 0, source: str = "tcp:127.0.0.1:51234") -> bytes:
    """A stored line, so many seconds after BEGIN, with its LF."""
    sent = message.encode() if isinstance(message, str) else message
    return f"{rfc3339(BEGIN + seconds)} {source} ".encode() + sent + b"\n"


def lines(messages: Iterable[str], begin: float = 0, step: float = 1) -> list[bytes]:
    """Stored lines, one each `step` seconds."""
    return [line(message, begin + number * step) for number, message in enumerate(messages)]


@contextmanager
def small_frames(size: int) -> Iterator[None]:
    """Let frames have so many bytes of text, and word indexes be kept however large they are."""
    with (
        patch.object(sealing.text_pieces, "__defaults__", (size,)),
        patch.multiple(word_building, MOST_PART=1e9, TABLES_PART=1e9),
    ):
        yield


def make_store(directory: Path, segments: Sequence[Sequence[bytes]], packed: int = -1) -> Path:
    """Make a store of these lines: the last segment is the active one.

    packed: so many segments are compressed, the sealed ones behind them plain; -1 for all.
    """
    directory.mkdir(exist_ok=True)
    disk = Disk().open_directory(directory)
    for number, held in enumerate(segments, 1):
        text = b"".join(held)
        if number == len(segments):
            (directory / "current.log").write_bytes(text)
            continue
        moment = parse_rfc3339(text[:27].decode())
        name = sealed_name(number, moment)
        (directory / name).write_bytes(text)
        if packed < 0 or number <= packed:
            seal(Segment(number, name, Form.PLAIN), disk)
    (directory / "number").write_bytes(b"%d\n" % len(segments))
    disk.close()
    return directory


def remove_segment(directory: Path, number: int, size: int, lines: int) -> None:
    """Remove a compressed segment as retention does, which notes how much text it had."""
    with Disk().open_directory(directory) as disk:
        note_removed([RemovedRun(range(number, number + 1), size, lines)], disk)
    for path in directory.glob(f"{number:010}-*"):
        path.unlink()


def add_columns(directory: Path) -> Path:
    """Make the columns of all compressed segments of a store."""
    disk = Disk().open_directory(directory)
    for segment in sealed_segments(disk):
        if segment.form is Form.PACKED:
            make_columns(segment, disk)
    disk.close()
    return directory


class Writer:
    """The writer's steps on a store, in its order."""

    def __init__(self, directory: Path) -> None:
        self.directory = make_store(directory, [[]])
        self.disk = Disk().open_directory(directory)
        self.number = 1
        self.count = 0
        self.plain: list[Segment] = []
        self.packed: list[Segment] = []

    def write(self, half: bool = False, message: str = "line") -> None:
        with open(self.directory / "current.log", "ab") as file:
            text = line(f"{message} {self.count}", self.count)
            self.count += 1
            if half:
                file.write(text[:10])
                file.flush()
                text = text[10:]
            file.write(text)

    def rotate(self) -> None:
        name = sealed_name(self.number, BEGIN + self.number)
        os.link(self.directory / "current.log", self.directory / name)
        (self.directory / "new.tmp").write_bytes(b"")
        os.rename(self.directory / "new.tmp", self.directory / "current.log")
        self.plain.append(Segment(self.number, name, Form.PLAIN))
        self.number += 1
        (self.directory / "number").write_bytes(b"%d\n" % self.number)

    def seal(self) -> None:
        if self.plain:
            segment = self.plain.pop(0)
            if not self.disk.stat(segment.name).st_size:
                remove_empty_segment(segment, self.number, self.disk)
                return
            seal(segment, self.disk)
            self.packed.append(segment)

    def remove(self) -> None:
        if self.packed:
            segment = self.packed.pop(0)
            for path in self.directory.glob(f"{segment.number:010d}-*"):
                path.unlink()


def view_of(directory: Path) -> View:
    """A view to which damage is an error."""
    return View(str(directory), _refuse)


def watched_stores(
    directory: Path,
    time_of_day: Callable[[], float] = lambda: BEGIN,
    removed: Callable[[str], object] | None = None,
) -> WatchedStores:
    """A store and the stores of rules in it. Damage, and without `removed` a removed store, is an error."""
    return WatchedStores(
        str(directory), _refuse, time_of_day=time_of_day, removed=removed or _refuse
    )


def _refuse(sentence: str) -> None:
    raise AssertionError(sentence)


def note_listings(patch: pytest.MonkeyPatch) -> list[View]:
    """A list that gets a view each time it lists its store."""
    listed: list[View] = []
    refresh = View.refresh

    def noted(view: View) -> None:
        listed.append(view)
        refresh(view)

    patch.setattr(View, "refresh", noted)
    return listed
