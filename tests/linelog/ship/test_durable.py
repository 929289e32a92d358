"""What leaves is on the medium: a power cut takes nothing back that a far side has."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.read.texts import PackedFrames, PlainFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.durable import DurableFollower
from logsrv.linelog.store.segment import Position
from tests.parts.stores import Writer, line, make_store, view_of


class Medium:
    """The syncs of this process: up to which size a file is on the medium, and how often it was synced."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: dict[int, int] = {}
        self.syncs: list[int] = []
        self.names = 0
        self.why: OSError | None = None
        # Happens once, while a text is synced.
        self.meanwhile: Callable[[], object] = bool
        sync = os.fdatasync

        def fdatasync(fd: int) -> None:
            if self.why is not None:
                raise self.why
            found = os.fstat(fd)
            self.sizes[found.st_ino] = found.st_size
            self.syncs.append(found.st_size)
            sync(fd)
            meanwhile, self.meanwhile = self.meanwhile, bool
            meanwhile()

        def sync_directory(view: View) -> None:
            self.names += 1

        patch.setattr(os, "fdatasync", fdatasync)
        patch.setattr(View, "sync_directory", sync_directory)


@pytest.fixture
def medium(monkeypatch: pytest.MonkeyPatch) -> Medium:
    return Medium(monkeypatch)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "logs")
    yield writer
    writer.disk.close()


@pytest.fixture
def follower(writer: Writer, medium: Medium) -> Iterator[DurableFollower]:
    follower = DurableFollower(view_of(writer.directory), Position(1, 0))
    yield follower
    follower.close()


def size(writer: Writer) -> int:
    return (writer.directory / "current.log").stat().st_size


def reach(follower: DurableFollower) -> int | None:
    """The offset up to which it may read; None if there is nothing new."""
    found = follower.find_readable()
    return None if found is None else found[1]


def read(follower: DurableFollower) -> bytes:
    lines = follower.read_durable()
    assert lines is not None
    return lines.text


def test_one_sync_serves_all_lines_that_came_meanwhile(writer, medium, follower):
    for _ in range(3):
        writer.write()
    end = size(writer)
    assert reach(follower) == end and medium.names == 1
    writer.write()
    follower.move_to(Position(1, end - 1))
    assert reach(follower) == end and len(medium.syncs) == 1
    follower.move_to(Position(1, end))
    assert reach(follower) == size(writer) and len(medium.syncs) == 2
    # Nothing new is no reason for a sync.
    follower.move_to(Position(1, size(writer)))
    assert reach(follower) is None and len(medium.syncs) == 2
    assert not follower.ended and medium.names == 1


def test_a_line_without_its_end_waits_for_it(writer, follower):
    writer.write()
    end = size(writer)
    with open(writer.directory / "current.log", "ab") as file:
        file.write(b"half")
        file.flush()
        assert reach(follower) == end
        read(follower)
        file.write(b" and half\n")
    assert read(follower) == b"half and half\n"


def test_a_segment_that_ends_is_read_to_its_end(writer, medium, follower):
    writer.write()
    first = read(follower)
    writer.write()
    writer.rotate()
    second = read(follower)
    assert follower.ended and medium.syncs == [len(first), len(first + second)]
    assert follower.read_durable() is None and follower.position == Position(2, 0)


def test_the_compressed_form_takes_the_place_of_the_plain_one(writer, medium, follower):
    for _ in range(2):
        writer.write()
    writer.rotate()
    plain = follower.open_segment()
    end = reach(follower)
    assert follower.open_segment() is plain and end
    follower.move_to(Position(1, end // 2))
    writer.seal()
    names = medium.names
    packed = follower.find_readable()
    assert packed is not None and isinstance(packed[0], PackedFrames) and packed[1] == end
    assert medium.names == names + 1 and follower.ended
    assert read(follower).endswith(b"line 1\n")


def test_a_removed_segment_is_read_from_the_open_file(writer, follower):
    writer.write()
    writer.rotate()
    plain = follower.open_segment()
    for path in writer.directory.glob("0000000001-*"):
        path.unlink()
    assert follower.open_segment() is plain and follower.needed_from == Position(2, 0)
    follower.close()
    assert follower.needed_from == Position(1, 0)
    assert reach(follower) is None and follower.position == Position(2, 0)
    assert follower.missing


def test_after_a_sync_that_failed_only_the_compressed_file_is_believed(writer, medium, follower):
    """The kernel lets go of what it could not write: the next sync works, and says nothing of that."""
    writer.write()
    medium.why = OSError(5, "Input/output error")
    with pytest.raises(
        StoreError, match=r"current\.log cannot be synced to the disk: Input/output"
    ):
        follower.read_durable()
    medium.why = None
    for _ in range(2):
        with pytest.raises(StoreError, match="it is sent when it is compressed"):
            follower.read_durable()
    writer.rotate()
    writer.seal()
    assert read(follower).endswith(b"line 0\n")


def test_a_disk_that_does_not_sync_names_lets_nothing_leave(tmp_path, monkeypatch):
    directory = make_store(tmp_path / "logs", [[line("x")]])

    def failing(_: View) -> None:
        raise OSError(5, "Input/output error")

    follower = DurableFollower(view_of(directory), Position(1, 0))
    with monkeypatch.context() as patch:
        patch.setattr(View, "sync_directory", failing)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                follower.read_durable()
    assert read(follower) == line("x")
    follower.close()


@pytest.mark.parametrize("ends", ["", "before", "behind"])
@pytest.mark.parametrize("is_half", [False, True])
@pytest.mark.parametrize(
    ("moment", "is_read"),
    [("asked", False), ("measured", False), ("synced", False), ("asked", True), ("measured", True)],
)
def test_what_is_written_while_a_text_is_synced_comes_once_and_not_before_its_own_sync(
    writer, medium, follower, monkeypatch, moment, is_read, is_half, ends
):
    """Also if the segment ends just then.

    is_read: whether all that was there is read. ends: whether it does, before or behind what is written.
    """
    wrote, current = line("line 0", 0), writer.directory / "current.log"

    def write(more: bytes) -> None:
        nonlocal wrote
        wrote += more
        with current.open("ab") as file:
            file.write(more)

    def happen() -> None:
        if ends == "before":
            writer.rotate()
        write(line("line 1", 1)[: 9 if is_half else None])
        if ends == "behind":
            if is_half:
                write(line("line 1", 1)[9:])
            writer.rotate()

    def once(kind: type, name: str) -> None:
        found = getattr(kind, name)
        asks: Any = found.fget if isinstance(found, property) else found

        def asking(*given: Any) -> Any:
            answer = asks(*given)
            meanwhile, medium.meanwhile = medium.meanwhile, bool
            meanwhile()
            return answer

        monkeypatch.setattr(kind, name, property(asking) if isinstance(found, property) else asking)

    writer.write()
    got = read(follower) if is_read else b""
    medium.meanwhile = happen
    if moment == "asked":
        once(View, "is_active_file")
    elif moment == "measured":
        once(PlainFrames, "file_size")
    for _ in range(2):
        while (found := follower.find_readable()) is not None:
            frames, reach = found
            assert reach <= medium.sizes[os.fstat(frames.fd).st_ino]
            lines = follower.read(until=Position(frames.number, reach))
            assert lines is not None and not lines.has_gap
            got += lines.text
        # The rest of the line, and another one in a segment behind it.
        if is_half and ends != "behind" and not wrote.endswith(b"\n"):
            write(line("line 1", 1)[9:])
        writer.rotate()
        write(line("last", 5))
    while (lines := follower.read_durable()) is not None:
        assert not lines.has_gap
        got += lines.text
    assert got == wrote
