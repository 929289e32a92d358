"""With hostile and broken peers no line is missing, doubled or mixed, and other peers are
served as usual.
"""

import contextlib
import json
import random
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgpack
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.colliding_numbers import numbers
from tests.parts.daemons import Logger
from tests.parts.programs import missing
from tests.parts.store_reader import (
    assert_whole,
    by_source,
    numbered,
    stored_lines,
)
from tests.parts.waits import join


@pytest.mark.slow
def test_lines_of_many_senders_at_once_are_whole_and_in_order(logger):
    """Eight connections send at the same time: the lines of each are whole and in order."""
    server = logger("--rotate-size", "1MiB")
    texts = [numbered(index, 20_000) for index in range(8)]
    senders = [threading.Thread(target=server.send, args=(text,)) for text in texts]
    for sender in senders:
        sender.start()
    for sender in senders:
        join(sender)
    server.stop()
    found = by_source(server.store)
    assert len(found) == 8
    assert {len(lines) for lines in found.values()} == {20_000}
    for lines in found.values():
        assert_whole(lines)


def test_random_bytes_are_stored_as_printable_text(logger):
    """A megabyte of random bytes is stored as printable text, and the next connection is served
    as usual.
    """
    server = logger()
    noise = random.Random(7).randbytes(1 << 20)
    server.send(noise)
    server.send(b"after the noise\n")
    assert server.stop() in (0, -signal.SIGTERM)
    text = server.current.read_bytes()
    text.decode("utf-8")
    assert not set(text) & ({*range(32), 127} - {9, 10})
    assert b" after the noise\n" in text
    # Bytes that look like Telnet commands are removed, and an LF may be the number of an option.
    assert 0.99 * noise.count(b"\n") < len(stored_lines(server.store)) <= noise.count(b"\n") + 2


@pytest.mark.long
def test_a_gigabyte_without_a_newline_is_cut_into_lines(logger):
    """It is cut into lines of 64 KiB, all of it stored, in bounded memory."""
    server = logger("--rotate-size", "64GiB")
    size, piece = 1 << 30, b"0123456789abcdef" * 65536
    with server.connect() as connection:
        for _ in range(size // len(piece)):
            connection.sendall(piece)

    def beginning() -> bytes:
        with server.current.open("rb") as file:
            return file.read(70_000)

    server.wait_until(lambda: b"\n" in beginning(), "the first line")
    stamped = beginning().index(b" 0123") + 2
    lines = size // 65536
    server.wait_until(
        lambda: server.current.stat().st_size == size + lines * stamped, "the gigabyte"
    )
    with server.current.open("rb") as file:
        for line in file:
            assert line[stamped - 1 : -1] == piece[:65536]
    assert _peak(server.pid) < 150 << 20


@pytest.mark.long
def test_ten_thousand_silent_connections(logger):
    """They need little memory, and a line of another peer is stored at once."""
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


def test_close_in_the_middle_of_a_line(logger):
    server = logger()
    server.send(b"whole\nbroken off")
    assert server.wait_for_messages(2) == [b"whole", b"broken off"]


def test_the_rest_of_a_line_is_stored_at_a_half_close(logger):
    """A peer shuts down its sending side; the rest of its line is stored."""
    server = logger()
    with server.connect() as connection:
        connection.sendall(b"one\ntwo")
        connection.shutdown(socket.SHUT_WR)
        assert server.wait_for_messages(2) == [b"one", b"two"]
        assert connection.recv(10) == b""


def test_lines_before_a_reset_are_stored(logger):
    """The lines that arrived before the reset are stored."""
    server = logger()
    connection = server.connect()
    connection.sendall(b"before the reset\nhalf a li")
    server.wait_for_messages(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert server.wait_for_messages(2) == [b"before the reset", b"half a li"]


def test_lines_sent_one_byte_at_a_time_are_stored_whole(logger):
    server = logger()
    text = "tröpfchen\r\nfor tröpfchen\n".encode()
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(text)):
            connection.sendall(text[index : index + 1])
    assert server.wait_for_messages(2) == ["tröpfchen".encode(), "for tröpfchen".encode()]


def test_stop_takes_in_what_has_arrived(logger):
    """After SIGTERM all lines in the sockets are stored, also of connections that were not accepted yet."""
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


def test_stop_is_bounded_while_a_peer_floods(logger):
    """A peer that never stops sending is cut off; only whole lines of it are stored."""
    server = logger()
    stop = threading.Event()

    def flood() -> None:
        line = b"0 0 " + b"x" * 60 + b"\n"
        try:
            with server.connect() as connection:
                # Slower than possible: this test is about the stop, not about gigabytes.
                while not stop.wait(0.001):
                    connection.sendall(line * 50)
        except OSError:
            pass

    sender = threading.Thread(target=flood)
    sender.start()
    server.wait_until(lambda: server.current.stat().st_size > 1 << 16, "the flood")
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE) in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log()
    stop.set()
    join(sender)
    for line in stored_lines(server.store)[:-1]:
        assert line.message == b"0 0 " + b"x" * 60


def test_halves_of_messages_are_bounded_for_all_listeners_together(logger):
    """Eight peers send 6 MiB of a message each and wait; at most 16 MiB are kept, twice --max-body."""
    kinds = {
        "forward": b"\x92\xa1t\xc6" + struct.pack(">I", 7 << 20),
        "lumberjack": b"2W\0\0\0\1" + b"2C" + struct.pack(">I", 7 << 20),
    }
    server = logger(
        "--max-body", "8MiB", listen=[f"{kind}:tcp:0:interface=127.0.0.1" for kind in kinds]
    )
    with contextlib.ExitStack() as stack:
        peers = []
        for port, beginning in zip(server.ports(), kinds.values(), strict=True):
            for _ in range(4):
                peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
                with contextlib.suppress(ConnectionError):
                    peer.sendall(beginning + bytes(6 << 20))
                peer.setblocking(False)
                peers.append(peer)
        server.wait_until(lambda: sum(map(_is_closed, peers)) == 6, "six that give way")


def _is_closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.slow
def test_long_answers_that_nobody_reads_are_bounded(logger):
    """Of eight requests with an answer of 15 MB each, 32 MiB allow some; the others must be sent again."""
    server = logger("--max-body", "16MiB", listen=["http:tcp:0:interface=127.0.0.1"])
    number = 100_000
    body = b'{"create":{}}\n{}\n' * number
    head = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with contextlib.ExitStack() as stack:
        peers = []
        for _ in range(8):
            peer = stack.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", server.ports()[0]))
            peer.sendall(head + body)
            peers.append(peer)
        first = [peer.recv(12, socket.MSG_WAITALL) for peer in peers]
        assert set(first) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert first.count(b"HTTP/1.1 503") >= 5
        # The last one: a peer that reads nothing for half a minute is cut off, and this machine may be
        # slow.
        taken = [peer for peer, answer in zip(peers, first, strict=True) if b"200" in answer][-1]
        with taken.makefile("rb") as answer:
            while answer.readline() != b"\r\n":
                pass
            items = json.loads(answer.readline())["items"]
    assert [item["create"]["_seq_no"] for item in items] == [*range(number)]
    server.wait_for_messages(number * first.count(b"HTTP/1.1 200"))


def test_flood_of_telnet_questions_that_is_never_read(logger):
    """A peer that sends Telnet questions and never reads the answers is not read any more; others are."""
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
    """Return the bytes of memory that a process uses."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _peak(pid: int) -> int:
    """Return the most bytes of memory that a process has used."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _event_of(keys: Sequence[int] | Sequence[str]) -> bytes:
    """Return an event of Forward whose record has these keys."""
    head = struct.pack(">BI", 0xDF, len(keys))
    return b"\x93\xa1t\x01" + head + b"".join(msgpack.packb(key) + b"\xc0" for key in keys)


def _pickle_of(keys: Sequence[int] | Sequence[str]) -> bytes:
    """Return a pickle of a LogRecord with these keys and the value None for each."""
    pairs = b"".join(
        b"J" + struct.pack("<i", key) + b"N" if isinstance(key, int) else _text(key) + b"N"
        for key in keys
    )
    memo = b"".join(b"r" + struct.pack("<i", key) for key in keys if isinstance(key, int))
    pickled = b"\x80\x02}(" + _text("msg") + _text("a") + memo + _text("x") + b"}(" + pairs + b"uu."
    return struct.pack(">I", len(pickled)) + pickled


def _text(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


class _PoliteSender(threading.Thread):
    """Sends RELP messages one after the other; `longest`: most seconds until an acknowledgement."""

    def __init__(self, server: Logger) -> None:
        super().__init__()
        self.longest, self.number = 0.0, 2
        self.stopping = threading.Event()
        self._connection = server.connect()
        self._connection.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n")
        assert b"commands=syslog" in self._connection.recv(65536)
        self.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            began, answer = time.monotonic(), b""
            self._connection.sendall(b"%d syslog 4 <13>\n" % self.number)
            while not answer.endswith(b"\n"):
                answer += self._connection.recv(65536)
            self.longest = max(self.longest, time.monotonic() - began)
            self.number += 1

    def stop(self) -> float:
        self.stopping.set()
        join(self)
        self._connection.close()
        return self.longest


@pytest.mark.slow
@pytest.mark.parametrize(("listener", "message"), [("forward", _event_of), ("python", _pickle_of)])
def test_keys_chosen_for_their_hashes_keep_nobody_waiting(logger, listener, message):
    """Without protection some hundred thousand bytes of colliding keys block other peers for seconds."""
    places = ("relp", listener)
    server = logger(listen=[f"{place}:tcp:0:interface=127.0.0.1" for place in places])

    def longest(keys: Sequence[int] | Sequence[str]) -> float:
        polite = _PoliteSender(server)
        begun = polite.number
        with server.connect(1) as connection:
            connection.sendall(message(keys))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        wait_until(lambda: polite.number > begun + 10, "answers to the polite sender")
        return polite.stop()

    chosen = numbers(30_000)
    usual = longest([f"{key:05}" for key in range(len(chosen))])
    assert longest(chosen) < 10 * usual + 2
