"""A large segment is packed in another process, and is the same as one packed here."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from logsrv.kit.children.child_side import MEMORY
from logsrv.kit.children.frames import frame_parts
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing import packer, packing
from logsrv.linelog.store.sealing.packer import Packer
from logsrv.linelog.store.sealing.packing import (
    NICENESS,
    HandedDisk,
    PackingThreads,
    SealerConnection,
)
from logsrv.linelog.store.sealing.seal import FRAME, Interrupted, packing_steps, seal
from logsrv.linelog.store.segment import Form, Segment, sealed_segments, tmp
from tests.parts.clocks import HandClock
from tests.parts.disks import FaultyDisk, at, no_space, plain_segment, stored, text_of

TEXT = stored(*(b"line %d %s" % (number, b"x" * (number % 200)) for number in range(20_000)))
MakePacker = Callable[..., Packer]


@pytest.fixture
def make(clock: HandClock) -> Iterator[MakePacker]:
    """`make()` gives what packs segments in a process, `make(waiting)` beside so many that wait."""
    made = []

    def one(waiting: Callable[[], int] = lambda: 0) -> Packer:
        made.append(Packer(waiting, clock.monotonic))
        return made[-1]

    yield one
    for each in made:
        each.end_process()


def plain(directory: Path, number: int = 1) -> Segment:
    directory.mkdir(exist_ok=True)
    (directory / "current.log").touch()
    return plain_segment(directory, TEXT, number)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def child(packs: Packer) -> int:
    """The number of its process."""
    assert packs.child is not None
    return packs.child.process.pid


def nicenesses(packs: Packer) -> set[int]:
    """Return what niceness the threads of its process have."""
    threads = map(int, os.listdir(f"/proc/{child(packs)}/task"))
    return {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


def of_hurries(*levels: int) -> set[int]:
    """Return our own niceness, which a main thread has too, and that of threads that pack in these hurries.

    No thread is nicer than 19, however nice we are.
    """
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    return {ours, *(min(19, ours + NICENESS[level]) for level in levels)}


@pytest.mark.slow
def test_the_packing_process_makes_the_same_files_as_the_server(tmp_path, monkeypatch, make):
    here, beside = tmp_path / "here", tmp_path / "beside"
    made = seal(plain(here), at(here))
    segment = plain(beside)
    written = at(beside).stat(segment.name).st_mtime_ns
    # The lock of who packs is not the other's.
    monkeypatch.setattr(packer, "pack_here", None)
    assert seal(segment, at(beside), pack=make().pack) == made
    ours, other = files(beside), files(here)
    # The order of what is in a word index is another in each process.
    assert ours.pop(segment.words) and other.pop(segment.words)
    assert ours == other
    assert text_of(beside) == TEXT
    [packed] = sealed_segments(at(beside))
    assert at(beside).stat(packed.name).st_mtime_ns == written


@pytest.mark.slow
def test_the_process_makes_no_words_if_none_are_wanted(tmp_path, make):
    segment = plain(tmp_path)
    seal(segment, at(tmp_path), with_words=False, pack=make().pack)
    assert set(files(tmp_path)) == {"current.log", segment.packed, segment.index}


@pytest.mark.slow
def test_one_process_packs_all_segments_until_it_is_idle(tmp_path, clock, make):
    packs = make()
    seal(plain(tmp_path, 1), at(tmp_path), pack=packs.pack)
    first = child(packs)
    packs.end_if_idle()
    seal(plain(tmp_path, 2), at(tmp_path), pack=packs.pack)
    assert child(packs) == first
    clock.advance(packer.LINGERS)
    packs.end_if_idle()
    assert child(packs) == first
    clock.advance(1)
    packs.end_if_idle()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    seal(plain(tmp_path, 3), at(tmp_path), pack=packs.pack)
    assert text_of(tmp_path) == 3 * TEXT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no niceness of its own")
def test_a_segment_soon_behind_another_is_packed_as_if_the_next_one_waited(tmp_path, clock, make):
    """At a niceness of 19, beside busy programs, the next is there before a twentieth of it is packed."""
    packs = make()
    seal(plain(tmp_path, 1), at(tmp_path), pack=packs.pack)
    assert nicenesses(packs) == of_hurries(0)
    seal(plain(tmp_path, 2), at(tmp_path), pack=packs.pack)
    assert nicenesses(packs) == of_hurries(0, 1)
    clock.advance(packer.OFTEN)
    packs.end_process()
    seal(plain(tmp_path, 3), at(tmp_path), pack=packs.pack)
    assert nicenesses(packs) == of_hurries(0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc says it")
def test_the_memory_of_a_packing_process_is_bounded(tmp_path, make):
    packs = make()
    seal(plain(tmp_path), at(tmp_path), pack=packs.pack)
    limits = Path(f"/proc/{child(packs)}/limits").read_text().splitlines()
    [bound] = [one.split()[3] for one in limits if one.startswith("Max address")]
    assert int(bound) == MEMORY


@pytest.mark.slow
def test_a_process_killed_between_two_segments_is_started_again(tmp_path, make):
    packs = make()
    seal(plain(tmp_path, 1), at(tmp_path), pack=packs.pack)
    os.kill(child(packs), signal.SIGKILL)
    assert packs.child is not None
    packs.child.process.wait(PATIENCE)
    seal(plain(tmp_path, 2), at(tmp_path), pack=packs.pack)
    assert text_of(tmp_path) == 2 * TEXT


def test_a_segment_is_packed_in_the_server_if_no_process_can_be_started(
    tmp_path, monkeypatch, make
):
    """In a root of its own there may be no Python, and a full disk gets room by sealing."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    seal(plain(tmp_path), at(tmp_path), pack=make().pack)
    assert text_of(tmp_path) == TEXT


def test_packing_in_a_process_is_given_up_at_a_stop(tmp_path, make):
    """The process is gone, and the plain segment is as it was."""
    segment, packs = plain(tmp_path), make()
    packs.start_process()
    # It would answer before the server looks.
    os.kill(child(packs), signal.SIGSTOP)
    with pytest.raises(Interrupted):
        seal(segment, at(tmp_path), lambda: False, pack=packs.pack)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}
    assert packs.child is None


def test_a_packing_process_that_dies_at_its_start_leaves_the_plain_segment(
    tmp_path, monkeypatch, make
):
    monkeypatch.setattr(packing, "__name__", "logsrv.no_such_module")
    segment = plain(tmp_path)
    with pytest.raises(OSError, match=r"its process has ended: .*no_such_module"):
        seal(segment, at(tmp_path), pack=make().pack)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_the_plain_segment(tmp_path, make):
    """By a system that is short of memory. The next segment gets another."""
    segment = plain(tmp_path)

    def kill() -> int:
        os.kill(child(packs), signal.SIGKILL)
        return 0

    packs = make(kill)
    with pytest.raises(OSError, match="its process has ended: -9"):
        seal(segment, at(tmp_path), pack=packs.pack)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}
    packs.waiting = lambda: 0
    seal(segment, at(tmp_path), pack=packs.pack)
    assert text_of(tmp_path) == TEXT


@pytest.mark.slow
def test_a_full_disk_in_the_process_is_an_error_in_the_server(tmp_path, make):
    """What the process met is the reason here, and the process goes on."""
    packs, segment = make(), plain(tmp_path)
    packs.start_process()
    with open("/dev/full", "wb") as full, (tmp_path / segment.name).open("rb") as text:
        given = {segment.name: text.fileno(), tmp(segment.packed): full.fileno()}
        with pytest.raises(OSError, match="No space") as raised:
            packs.pack_in_process(segment, given, lambda: True, {"words": False, "before": []})
    assert raised.value.errno == errno.ENOSPC
    seal(segment, at(tmp_path), pack=packs.pack)
    assert text_of(tmp_path) == TEXT


def test_without_a_temporary_file_the_plain_segment_stays(tmp_path, make):
    segment = plain(tmp_path)
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors["create"] = no_space()
    with pytest.raises(OSError, match="No space"):
        seal(segment, disk, pack=make().pack)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}


@pytest.mark.slow
def test_the_packing_process_ends_with_its_server(tmp_path):
    """Also of a server that is killed, and in the middle of a segment: the end of its input is enough."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-P", "-m", packing.__name__]
    with (
        theirs,
        subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE) as process,
    ):
        segment = plain(tmp_path)
        text = os.open(tmp_path / segment.name, os.O_RDONLY)
        made = os.open(tmp_path / "made", os.O_WRONLY | os.O_CREAT)
        order = {"segment": segment[:2], "words": False, "before": [], "hurry": 0}
        order["files"] = [segment.name, tmp(segment.packed)]
        socket.send_fds(ours, [b"".join(frame_parts(json.dumps(order).encode()))], [text, made])
        ours.close()
        assert process.stderr is not None
        assert (process.wait(PATIENCE), process.stderr.read()) == (0, b"")
    os.close(text)
    os.close(made)


NAME = "0000000001-20261120T061842Z.log"


class NicenessDisk(Disk):
    """A disk that notes how nice each thread is that writes a frame."""

    def __init__(self) -> None:
        self.niceness: list[int] = []

    def write(self, fd: int, data: bytes) -> None:
        # Of the thread that calls, on Linux.
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, 0))
        super().write(fd, data)


class SaysSo:
    """A server that says before each frame what hurry there is."""

    def __init__(self, *hurry: int) -> None:
        self.hurry = 0
        self._next = iter(hurry)

    def receive_arrived(self) -> bool:
        self.hurry = next(self._next, 0)
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no niceness of its own")
def test_the_packing_process_is_less_nice_in_a_hurry(tmp_path):
    """Also in the middle of a segment, and without the right to become less nice."""
    (tmp_path / NAME).write_bytes(b"x" * 99 + b"\n" + (b"y" * (FRAME - 1) + b"\n") * 4)
    disk, server = NicenessDisk(), SaysSo(0, 0, 1, 2, 9)
    disk.open_directory(tmp_path)
    steps = packing_steps(Segment(1, NAME, Form.PLAIN), disk, False)
    made = PackingThreads().pack(steps, cast(SealerConnection, server))
    least = os.getpriority(os.PRIO_PROCESS, 0)
    assert made.lines == 5
    assert disk.niceness[:4] == [min(19, least + NICENESS[level]) for level in (0, 1, 2, 2)]
    disk.close()


def test_the_packing_process_hears_of_hurry_and_of_the_end_of_its_server():
    ours, theirs = socket.socketpair()
    server = SealerConnection(theirs)
    first, second = (b"".join(frame_parts(b'{"hurry": %d}' % one)) for one in (1, 3))
    ours.sendall(first + second[:-3])
    server.receive_arrived()
    assert server.hurry == 1
    ours.sendall(second[-3:])
    server.receive_arrived()
    assert server.hurry == 3
    ours.close()
    with pytest.raises(Interrupted):
        server.receive_arrived()
    theirs.close()


def test_files_that_nobody_has_handed_over_cannot_be_made():
    disk = HandedDisk({})
    with pytest.raises(FileNotFoundError, match="the server has not made it"):
        disk.create_anew("0000000001-20261120T061842Z.log.zst.words.tmp")
    disk.unlink("words.tmp")
    assert disk.removed == ["words.tmp"]
