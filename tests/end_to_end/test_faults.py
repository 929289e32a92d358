"""Hostile and broken peers, and faults of the machine: nothing missing, doubled or mixed."""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import threading
from functools import partial
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.end_to_end.conftest import LOOPBACK, Logger, Start
from tests.end_to_end.stored import by_source, size_of, stored_bytes, stored_lines
from tests.end_to_end.web import Client
from tests.programs import missing, program


def numbered(connection: int, count: int) -> bytes:
    """`count` lines that say where they belong."""
    return b"".join(b"%d %d %s\n" % (connection, number, b"x" * 60) for number in range(count))


def assert_whole(messages: list[bytes], complete: bool = True) -> None:
    """The messages of one connection are its lines from the first on, each whole, once, in order.

    Unless `complete`, the last may be the beginning of one, wherever a kill cut it off.
    """
    for position, message in enumerate(messages):
        whole = b"%s %d %s" % (messages[0].split(b" ")[0], position, b"x" * 60)
        if complete or position < len(messages) - 1:
            assert message == whole
        else:
            assert whole.startswith(message)


def test_many_senders_at_once(logger: Start) -> None:
    """Eight connections write at the same time: each one's lines are whole and in order."""
    server = logger("--rotate-size", "1MiB")
    texts = [numbered(index, 20_000) for index in range(8)]
    senders = [threading.Thread(target=server.send, args=(text,)) for text in texts]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    server.stop()
    found = by_source(server.store)
    assert len(found) == 8
    assert {len(lines) for lines in found.values()} == {20_000}
    for lines in found.values():
        assert_whole(lines)


def test_random_bytes(logger: Start) -> None:
    """A megabyte of noise is stored as printable text, and the next connection is served as ever."""
    server = logger()
    noise = random.Random(7).randbytes(1 << 20)
    server.send(noise)
    server.send(b"after the noise\n")
    assert server.stop() in (0, -signal.SIGTERM)
    text = server.current.read_bytes()
    text.decode("utf-8")
    assert not set(text) & ({*range(32), 127} - {9, 10})
    assert b" after the noise\n" in text
    # What looks like Telnet's negotiation is taken out, and an LF may be an option's number.
    assert 0.99 * noise.count(b"\n") < len(stored_lines(server.store)) <= noise.count(b"\n") + 2


@pytest.mark.long
def test_a_gigabyte_without_a_newline(logger: Start) -> None:
    """It is cut into lines of 64 KiB, all of it stored, in bounded memory."""
    server = logger("--rotate-size", "64GiB")
    size, piece = 1 << 30, b"0123456789abcdef" * 65536
    with server.connect() as connection:
        for _ in range(size // len(piece)):
            connection.sendall(piece)
    server.wait_until(lambda: b"\n" in server.current.read_bytes()[:70_000], "the first line")
    stamped = server.current.read_bytes()[:200].index(b" 0123") + 2
    lines = size // 65536
    server.wait_until(
        lambda: server.current.stat().st_size == size + lines * stamped, "the gigabyte", 60
    )
    with server.current.open("rb") as file:
        for line in file:
            assert line[stamped - 1 : -1] == piece[:65536]
    assert _peak(server.pid) < 150 << 20


@pytest.mark.long
def test_ten_thousand_silent_connections(logger: Start) -> None:
    """They cost next to nothing, and a line from somebody else is stored at once."""
    server = logger()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    if hard < wanted + 200:
        missing(f"this user may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    silent: list[socket.socket] = []
    try:
        for number in range(wanted):
            connection = socket.socket()
            # More than one loopback address: there are only 28,000 ports for each.
            connection.bind((f"127.0.{number % 4}.1", 0))
            connection.connect(("127.0.0.1", server.port()))
            silent.append(connection)
        server.send(b"I do say something\n")
        assert server.wait_for_messages(1) == [b"I do say something"]
    finally:
        for connection in silent:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_close_in_the_middle_of_a_line(logger: Start) -> None:
    server = logger()
    server.send(b"whole\nbroken off")
    assert server.wait_for_messages(2) == [b"whole", b"broken off"]


def test_half_close(logger: Start) -> None:
    """A peer that has said all it wants shuts down its side; the rest of its line is stored."""
    server = logger()
    with server.connect() as connection:
        connection.sendall(b"one\ntwo")
        connection.shutdown(socket.SHUT_WR)
        assert server.wait_for_messages(2) == [b"one", b"two"]
        assert connection.recv(10) == b""


def test_reset(logger: Start) -> None:
    """A reset connection: what had reached us before is stored."""
    server = logger()
    connection = server.connect()
    connection.sendall(b"before the reset\nhalf a li")
    server.wait_for_messages(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert server.wait_for_messages(2) == [b"before the reset", b"half a li"]


def test_one_byte_at_a_time(logger: Start) -> None:
    server = logger()
    text = "tröpfchen\r\nfor tröpfchen\n".encode()
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(text)):
            connection.sendall(text[index : index + 1])
    assert server.wait_for_messages(2) == ["tröpfchen".encode(), "for tröpfchen".encode()]


@pytest.mark.complains("cannot start")
def test_port_in_use(logger: Start) -> None:
    """One sentence and status 1; nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = logger(listen=[f"tcp:{port}:interface=127.0.0.1"], wait=False)
        assert server.wait() == 1
    assert "in use" in server.log()
    assert "Traceback" not in server.log()


@pytest.mark.complains("cannot start")
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_directory_that_cannot_be_written(logger: Start, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "work").mkdir(mode=0o777)
    (tmp_path / "work").chmod(0o777)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(closed / "store"),
        directory=tmp_path / "work", twistd=["--uid", "nobody"],
    )  # fmt: skip
    assert server.start().wait() == 1
    assert str(closed) in server.log()
    assert "Traceback" not in server.log()


@pytest.mark.complains("cannot start")
def test_second_process_on_one_directory(logger: Start) -> None:
    """It is refused with a sentence that names the first; a lock left behind is not in the way."""
    first = logger()
    second = logger(wait=False)
    assert second.wait() == 1
    assert f"process {first.pid}" in second.log()
    first.process.kill()
    first.wait()
    third = logger()
    third.send(b"still works\n")
    third.wait_for_messages(1)


def test_full_disk(logger: Start, small_disk: Path, tmp_path: Path) -> None:
    """Senders wait, one line says why, and it goes on by itself when there is room: nothing lost."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (2 << 20))
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(small_disk / "store"),
        directory=tmp_path,
    )  # fmt: skip
    text = numbered(0, 36_000)
    with server:
        sender = threading.Thread(target=server.send, args=(text[: 3 << 19],))
        sender.start()
        server.wait_for_log("No space left on device")
        ballast.unlink()
        sender.join()
        server.wait_for_log("writing again")
        expected = text[: 3 << 19].split(b"\n")
        server.wait_until(
            lambda: stored_bytes(small_disk / "store").count(b"\n") >= len(expected), "all lines"
        )
        assert [line.message for line in stored_lines(small_disk / "store")] == expected
        assert server.log().count("No space left on device") == 1


def test_stopping_on_a_full_disk(logger: Start, small_disk: Path, tmp_path: Path) -> None:
    """What could not be written is said and counted, in bytes and lines, and the stop is bounded."""
    text = numbered(0, 3000)
    server = Logger(
        "logsrv", "--listen", LOOPBACK, "--directory", str(small_disk / "store"),
        directory=tmp_path,
    )  # fmt: skip
    with server:
        room = os.statvfs(small_disk)
        (small_disk / "ballast").write_bytes(b"\0" * (room.f_bavail * room.f_bsize - (64 << 10)))
        server.send(numbered(0, 3000))
        server.wait_for_log("No space left on device")
        assert server.stop(deadline=30) in (0, -signal.SIGTERM)
    log = server.log()
    said = re.search(r"(\d+) bytes \((\d+) lines\) could not be written .*: No space left", log)
    assert said, log
    size, lines = map(int, said.groups())
    # The sender was paused on the way; the line it was cut off in counts as well.
    taken = int(log.split("received_bytes_total ")[1].split(",")[0])
    stored = stored_bytes(small_disk / "store").count(b"\n")
    assert stored + lines == (text[:taken] + b"\n").replace(b"\n\n", b"\n").count(b"\n")
    assert f"store_lost_bytes_total {size}, store_lost_lines_total {lines}" in log
    assert log.index("could not be written") < log.index("counted: ") < log.index("logsrv: stopped")
    assert "Traceback" not in log


def test_a_directory_that_is_moved_away_under_the_server(logger: Start, tmp_path: Path) -> None:
    """It goes on there, and a second server in a new directory of that name has its own lines."""
    first = logger("--rotate-size", "64KiB")
    connection = first.connect()
    texts = [numbered(0, 20_000), numbered(1, 20_000)]
    half = len(texts[0]) // 2
    connection.sendall(texts[0][:half])
    first.wait_until(lambda: list(first.store.glob("*.idx")), "a sealed segment")
    moved = tmp_path / "moved"
    first.store.rename(moved)
    second = logger("--rotate-size", "64KiB")
    sender = threading.Thread(target=second.send, args=(texts[1],))
    sender.start()
    connection.sendall(texts[0][half:])
    connection.close()
    sender.join()
    first.wait_for_log(f"was moved to {moved}")
    for server, store, text in ((first, moved, texts[0]), (second, second.store, texts[1])):
        assert server.stop() in (0, -signal.SIGTERM)
        assert [line.message for line in stored_lines(store)] == text.split(b"\n")[:-1]
        # Each write may be a megabyte, and a segment ends behind one.
        assert list(store.glob("0*.log*"))
        assert "Traceback" not in server.log()
    assert first.log().count("was moved to") == 1 and "was moved" not in second.log()


def test_a_store_that_is_moved_is_read_where_it_is(logger: Start, tmp_path: Path) -> None:
    """Searches and live views that begin then find its lines, not those of the next at its old name."""
    place = str(tmp_path / "web")
    first = logger("--http", f"unix:{place}")
    first.send(b"of the first\n")
    first.wait_for_messages(1)
    first.store.rename(tmp_path / "moved")
    second = logger()
    second.send(b"of the second\n")
    second.wait_for_messages(1)
    client = Client(place)
    assert client.search() == ["of the first"]
    with client.watch() as events:
        first.send(b"the next\n")
        assert events.lines(1) == ["the next"]
    assert client.ask("/api/stats").json["lines"] == 2


def test_out_of_file_descriptors(logger: Start) -> None:
    """At the limit new connections have to wait or are refused; when it is over, they are served."""
    limit = 60
    server = logger(
        preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    crowd = [server.connect() for _ in range(10)]
    for _ in range(limit):
        # What cannot be served is closed at once, which may be seen while connecting already.
        with contextlib.suppress(OSError):
            crowd.append(server.connect())
    crowd[0].sendall(b"first of the crowd\n")
    server.wait_for_messages(1)
    for connection in crowd:
        connection.close()

    def served() -> bool:
        with contextlib.suppress(OSError):
            server.send(b"after the crowd\n")
        return b"after the crowd\n" in server.current.read_bytes()

    server.wait_until(served, "a connection to be served again")
    assert server.log().count("\n") < 100


def test_clock_that_jumps_back(logger: Start, tmp_path: Path) -> None:
    """Lines go on arriving in order, whatever the clock says."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    server = logger(environment={**_faked_time(clock), "FAKETIME_NO_CACHE": "1"})
    with server.connect() as connection:
        connection.sendall(b"before\n")
        server.wait_for_messages(1)
        clock.write_text("-3600")
        connection.sendall(b"an hour earlier\n")
        server.wait_for_messages(2)
        connection.sendall(b"and on\n")
        assert server.wait_for_messages(3) == [b"before", b"an hour earlier", b"and on"]
    lines = stored_lines(server.store)
    assert lines[1].time < lines[0].time
    assert server.stop() in (0, -signal.SIGTERM)


def test_clock_that_jumps_ahead(logger: Start, tmp_path: Path) -> None:
    """Ten years ahead, and started again like that: --keep-days removes nothing, and says so."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    server = logger("--rotate-size", "1", "--keep-days", "1", environment=_faked_time(clock))
    server.send(b"one\n")
    server.wait_until(lambda: list(server.store.glob("*.idx")), "a sealed segment")
    clock.write_text("+3650d")

    def doubts() -> bool:
        # Each reload has the sealer look at the clock; one at a time, or it would never get round to it.
        before = server.log().count(": reloaded")
        server.send_signal(signal.SIGHUP)
        server.wait_until(lambda: server.log().count(": reloaded") > before, "the reload")
        return "until that has lasted for a day" in server.log()

    for _ in range(2):
        server.wait_until(doubts, "the doubt", 60)
        server.stop()
        assert server.log().count("until that has lasted for a day") == 1
        assert [line.message for line in stored_lines(server.store)] == [b"one"]
        server.start().ready()


def _faked_time(clock: Path) -> dict[str, str]:
    """The environment of a process whose time of day is off by what the file `clock` says."""
    program("faketime", "faketime")
    found = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        missing("libfaketime is not installed (Debian: apt install faketime)")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        # Without a cache two threads that look at once may see a time that the file never said: that
        # is for a test which has a daemon look once.
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


@pytest.mark.long
def test_killed_in_full_flow(logger: Start, tmp_path: Path) -> None:
    """kill -9, ten times: each sender's lines are there from the first on, none torn but the last."""
    for attempt in range(10):
        place = tmp_path / f"attempt{attempt}"
        place.mkdir()
        server = logger("--rotate-size", "2MiB", directory=place)
        text = numbered(attempt, 200_000)

        def send(server: Logger = server, text: bytes = text) -> None:
            try:
                server.send(text)
            except OSError:
                pass

        senders = [threading.Thread(target=send) for _ in range(3)]
        for sender in senders:
            sender.start()
        server.wait_until(partial(_larger, server.store, (attempt + 1) << 20), "flow")
        server.process.kill()
        server.wait()
        for sender in senders:
            sender.join()
        server.start().ready()
        server.stop()
        for lines in by_source(server.store).values():
            assert_whole(lines, complete=False)
        shutil.rmtree(place)


def _larger(store: Path, size: int) -> bool:
    return size_of(store) > size


def test_stop_takes_in_what_has_arrived(logger: Start) -> None:
    """SIGTERM right after sending: all that reached the socket is stored, accepted or not."""
    server = logger()
    server.process.send_signal(signal.SIGSTOP)
    with contextlib.ExitStack() as connections:
        for number in range(20):
            connection = connections.enter_context(server.connect())
            connection.sendall(numbered(number, 1000) + b"unfinished")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        assert server.wait() in (0, -signal.SIGTERM)
    found = by_source(server.store)
    assert len(found) == 20
    for lines in found.values():
        assert lines.pop() == b"unfinished"
        assert len(lines) == 1000
        assert_whole(lines)


def test_stop_is_bounded_while_a_peer_floods(logger: Start) -> None:
    """A peer that never stops sending is cut off; what is stored of it is whole lines.

    Somebody who asks a second time meanwhile is told to wait, without a traceback.
    """
    server = logger()
    stop = threading.Event()

    def flood() -> None:
        line = b"0 0 " + b"x" * 60 + b"\n"
        try:
            with server.connect() as connection:
                # Not as fast as it can: this test is about the end and not about gigabytes.
                while not stop.wait(0.001):
                    connection.sendall(line * 50)
        except OSError:
            pass

    sender = threading.Thread(target=flood)
    sender.start()
    server.wait_until(lambda: server.current.stat().st_size > 1 << 16, "the flood")
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("logsrv: stopping")
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("is stopping already")
    assert server.wait(15) in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log()
    stop.set()
    sender.join()
    for line in stored_lines(server.store)[:-1]:
        assert line.message == b"0 0 " + b"x" * 60


def test_flood_of_telnet_questions_that_is_never_read(logger: Start) -> None:
    """A peer that asks and never reads our answers is no longer read; others are."""
    server = logger()
    with server.connect() as connection:
        connection.setblocking(False)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.send(b"\xff\xfd\x01" * 20_000)
        except BlockingIOError:
            pass
        server.send(b"somebody else\n")
        assert server.wait_for_messages(1) == [b"somebody else"]
    assert wait_until(lambda: _resident(server.pid) < 200 << 20, "memory to be bounded")


def _resident(pid: int) -> int:
    """Bytes of memory that process uses."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _peak(pid: int) -> int:
    """Bytes of memory that process has used at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_while_a_large_segment_is_packed(logger: Start, number: signal.Signals) -> None:
    """The process that packs it ends as well, and the next start packs it; no line is missing."""
    server = logger("--rotate-size", "24MiB")
    server.send(numbered(0, 350_000))
    packing = server.wait_until(lambda: server.child("sealing.packing"), "its process", 60)
    server.stop(number)
    wait_until(lambda: not Path(f"/proc/{packing}").exists() or None, "its end")
    assert not list(server.store.glob("*.log.zst"))
    again = logger("--rotate-size", "24MiB")
    again.wait_until(lambda: list(again.store.glob("*.log.zst")), "the packed segment", 60)
    again.stop()
    assert not list(again.store.glob("*.tmp*"))
    (found,) = by_source(again.store).values()
    assert_whole(found, complete=number == signal.SIGTERM)
    assert len(found) == 350_000 or number == signal.SIGKILL
