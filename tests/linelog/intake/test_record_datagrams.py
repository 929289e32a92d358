"""Datagrams that are stored as lines, and answered when these are safe."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.inputs import RecordDatagrams
from logsrv.kit.connections.source import Sender
from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Twistd
from tests.parts.sinks import Sink, intake

PLUGIN = """
from logsrv.inputs import Input, RecordDatagrams

class Numbers(RecordDatagrams):
    def received(self, data):
        if data == b"now?":
            self.answer(b"now")
            return
        self.store(b"number %d" % int(data))
        self.answer_when_safe(data)

class NumbersInput(Input):
    name = "numbers"
    receiver = Numbers
    no_streams = "numbers come in datagrams: numbers:udp:7002"

numbers = NumbersInput()
"""


@pytest.fixture
def server(tmp_path: Path) -> TwistdProcess:
    (tmp_path / "twisted" / "plugins").mkdir(parents=True)
    (tmp_path / "twisted" / "plugins" / "numbers_plugin.py").write_text(PLUGIN)
    listen = "numbers:udp:0:interface=127.0.0.1"
    words = ("--listen", listen, "--sync", "always", "--max-line", "100")
    return Twistd("logsrv", *words, directory=tmp_path)


@pytest.mark.slow
def test_an_answered_datagram_is_on_disk_after_a_kill(server, tmp_path):
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", server.port()))
        client.send(b"now?")
        assert client.recv(100) == b"now"
        for number in range(100):
            client.send(b"%d" % number)
            assert client.recv(100) == b"%d" % number
        client.send(b"no number")
        client.send(b"7")
        assert client.recv(100) == b"7"
        server.stop(signal.SIGKILL)
        assert "dropped a datagram: invalid literal" in server.log()
    stored = (tmp_path / "logs" / "current.log").read_text().splitlines()
    numbers = [line.partition(" number ")[2] for line in stored]
    assert numbers == [*map(str, range(100)), "7"]


@pytest.mark.slow
@pytest.mark.complains("numbers come in datagrams")
def test_a_listener_for_connections_is_refused_with_a_sentence(server, tmp_path):
    words = ("--listen", "numbers:tcp:0:interface=127.0.0.1")
    with pytest.raises(AssertionError, match="numbers come in datagrams: numbers:udp:7002"):
        Twistd("logsrv", *words, directory=tmp_path).__enter__()


class Bound:
    """A listener that is bound, and the client that it answers."""

    def __init__(self) -> None:
        self.socket, self.client = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.socket, self.client):
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        self.sender = Sender("127.0.0.1", f"udp:127.0.0.1:{self.client.getsockname()[1]}")

    def fileno(self) -> int:
        return self.socket.fileno()

    def answers(self) -> list[bytes]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.client.recv(100))
        return found


@pytest.fixture
def bound() -> Iterator[Bound]:
    made = Bound()
    with made.socket, made.client:
        yield made


class Words(RecordDatagrams):
    def received(self, data: bytes) -> Any:
        if data == b"no word":
            raise ValueError("it has a space")
        if data == b"bug":
            raise KeyError("a mistake")
        if data == b"exit":
            raise SystemExit("an end of its own")
        self.store(data)
        self.answer_when_safe(data)
        return later() if data == b"later" else None


async def later() -> None: ...


def test_an_answer_waits_until_its_line_is_safe(bound):
    sink = Sink()
    words = Words(intake(sink))
    words.attach(bound)
    words.datagrams_received([b"one", b"two"], bound.sender)
    assert sink.text == b"one\ntwo\n" and bound.answers() == []
    sink.sync()
    assert bound.answers() == [b"one", b"two"]
    words.close()


def test_a_line_that_may_be_lost_is_never_answered(bound):
    sink = Sink()
    words = Words(intake(sink))
    words.attach(bound)
    words.datagrams_received([b"one"], bound.sender)
    sink.sync("the disk is broken")
    words.datagrams_received([b"two"], bound.sender)
    words.close()
    sink.sync()
    assert bound.answers() == []


@pytest.mark.complains("KeyError", "TypeError")
def test_a_datagram_that_fails_costs_no_other(bound):
    sink = Sink()
    way = intake(sink)
    metrics: Any = way.metrics
    words = Words(way)
    words.attach(bound)
    datagrams = [b"one", b"no word", b"bug", b"bug", b"exit", b"later", b"two"]
    with capturedLogs() as events:
        words.datagrams_received(datagrams, bound.sender)
    sink.sync()
    said = str(formatEvent(next(one for one in events if "log_failure" in one)))
    assert f"received failed for {bound.sender.source}" in said
    assert bound.answers() == [b"one", b"later", b"two"]
    assert sink.text == b"one\nlater\ntwo\n"
    assert metrics.value("records_refused_total", reason="protocol") == 1
    assert metrics.value("dropped_bytes_total", reason="failed") == len(b"bugbugexitlater")
    words.close()
