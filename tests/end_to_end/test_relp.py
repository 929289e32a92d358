"""RELP: rsyslog's omrelp, and what is acknowledged before somebody kills us."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Logger, Start
from tests.end_to_end.peers import as_stored, rsyslog, texts

RELP = "relp:tcp:0:interface=127.0.0.1"
OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"
WINDOW = 128
ROUNDS = 20


def test_datagrams_are_refused_in_one_sentence(logger: Start) -> None:
    server = logger(listen=["relp:udp:0"], wait=False)
    assert server.wait() == 1
    assert "relp:udp:0: RELP needs connections, such as relp:tcp:2514" in server.log()


@pytest.mark.long
def test_rsyslog(logger: Start, tmp_path: Path) -> None:
    """All that omrelp sends is there once, as it was sent."""
    server = logger("--sync", "always", listen=[RELP])
    action = (
        f'action(type="omrelp" target="127.0.0.1" port="{server.port()}"'
        ' action.resumeRetryCount="-1" action.resumeInterval="1")'
    )
    sent = texts()
    with rsyslog(tmp_path, action, 'module(load="omrelp")') as sender:
        sender.send(sent)
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 1000, "all")
    found = [message for message in server.messages() if b" app: " in message]
    assert [message.partition(b" app: ")[2] for message in found] == list(map(as_stored, sent))
    assert all(message.startswith(b"<13>") for message in found)


@pytest.mark.long
def test_rsyslog_sends_again_what_a_killed_server_had_not_acknowledged(
    logger: Start, tmp_path: Path
) -> None:
    """Nothing is missing after kill -9 and a new start; what was acknowledged need not come again."""
    server = logger("--sync", "always", listen=[RELP])
    port = server.port()
    action = (
        f'action(type="omrelp" target="127.0.0.1" port="{port}" windowSize="64"'
        ' action.resumeRetryCount="-1" action.resumeInterval="1"'
        ' queue.type="LinkedList" queue.size="100000" queue.timeoutEnqueue="60000")'
    )
    sent = texts(3000)
    with rsyslog(tmp_path, action, 'module(load="omrelp")') as sender:
        sender.send(sent[:2000])
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 100, "some")
        server.process.kill()
        server.process.wait()
        again = logger("--sync", "always", listen=[f"relp:tcp:{port}:interface=127.0.0.1"])
        sender.send(sent[2000:])
        wanted = {as_stored(text) for text in sent}
        again.wait_until(lambda: wanted <= _texts(again), "all that was sent", 60)


def _texts(server: Logger) -> set[bytes]:
    return {message.partition(b" app: ")[2] for message in server.messages()}


class Client(threading.Thread):
    """Sends as fast as its window lets it, and writes down what was acknowledged."""

    def __init__(self, server: Logger, name: str) -> None:
        super().__init__()
        self.label = name
        self.sent: list[str] = []
        self.acknowledged = 0
        self.in_order = True
        self._socket = server.connect()

    def run(self) -> None:
        with contextlib.suppress(OSError), self._socket:
            self._socket.sendall(OPEN)
            answers = b""
            while b"\n" not in answers or b"commands=syslog" not in answers:
                answers += self._received()
            answers = b""
            while True:
                room = WINDOW - (len(self.sent) - self.acknowledged)
                frames = []
                for _ in range(random.randint(1, room) if room else 0):
                    number = len(self.sent)
                    text = f"<13>{self.label} {number} ".ljust(random.choice((40, 200, 3000)), "x")
                    self.sent.append(text)
                    frames.append(f"{number + 2} syslog {len(text)} {text}\n")
                self._socket.sendall("".join(frames).encode())
                *whole, answers = (answers + self._received()).split(b"\n")
                for answer in whole:
                    expected = b"%d rsp 6 200 OK" % (self.acknowledged + 2)
                    self.in_order &= answer == expected
                    self.acknowledged += 1

    def _received(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError
        return data


def _wait_for_acknowledgements(server: Logger, clients: list[Client], count: int) -> None:
    server.wait_until(
        lambda: sum(client.acknowledged for client in clients) >= count, "acknowledgements"
    )


@pytest.mark.long
def test_killed_in_full_flow(logger: Start, tmp_path: Path) -> None:
    """kill -9, twenty times: whatever was acknowledged is stored, once."""
    expected: set[bytes] = set()
    for number in range(ROUNDS):
        server = logger("--sync", "always", listen=[RELP])
        clients = [Client(server, f"round{number}.{index}") for index in range(4)]
        for client in clients:
            client.start()
        _wait_for_acknowledgements(server, clients, random.randint(100, 3000))
        server.process.kill()
        server.process.wait()
        for client in clients:
            client.join(20)
            assert not client.is_alive() and client.in_order
            expected.update(text.encode() for text in client.sent[: client.acknowledged])
    stored = server.messages()
    whole = [message for message in stored if re.match(rb"<13>round\d+\.\d ", message)]
    assert len(expected) >= ROUNDS * 100
    assert not expected - set(whole)
    assert len(whole) == len(set(whole))


def test_another_client_waits_for_nothing(logger: Start) -> None:
    """Acknowledgements come at once, also of a single message by a client that waits for each."""
    server = logger("--sync", "always", listen=[RELP])
    with server.connect() as connection:
        connection.sendall(OPEN)
        assert b"commands=syslog" in connection.recv(65536)
        for number in range(2, 12):
            connection.sendall(b"%d syslog 7 message\n" % number)
            assert connection.recv(65536) == b"%d rsp 6 200 OK\n" % number
        connection.sendall(b"12 close 0\n")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"12 rsp 0\n0 serverclose 0\n"
    assert server.messages() == [b"message"] * 10
