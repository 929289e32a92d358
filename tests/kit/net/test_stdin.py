"""Standard input as a connection: pipes, files, terminals, back-pressure and the end."""

import os
import pty

import pytest
from twisted.internet.task import deferLater

from logsrv.kit.net import _stdin as stdin
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.listen import Listener
from tests.parts.listening import Site
from tests.parts.reactor import REACTOR, until


class Input:
    """Listeners on a descriptor that stands for standard input."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self._site = site
        self._monkeypatch = monkeypatch

    def make(self, descriptor: int) -> Listener:
        self._monkeypatch.setattr(stdin, "DESCRIPTOR", descriptor)
        return self._site.make("stdin:")

    def run(self, descriptor: int) -> Listener:
        listener: Listener = self._site.run(self.make(descriptor))
        return listener


@pytest.fixture
def given(site: Site, monkeypatch: pytest.MonkeyPatch) -> Input:
    return Input(site, monkeypatch)


async def test_a_pipe_is_read_to_its_end(given, site):
    reading, writing = os.pipe()
    given.run(reading)
    os.close(reading)
    os.write(writing, b"hello\n")
    await until(lambda: site.factory.data, "the line")
    assert site.factory.made[0].source == "stdin:"
    os.write(writing, b"unfinished")
    os.close(writing)
    await until(lambda: site.factory.lost, "the end")
    assert site.factory.data == b"hello\nunfinished"


async def test_a_regular_file_is_read_to_its_end(given, site, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1_000_000)
    with path.open("rb") as file:
        given.run(file.fileno())
        await until(lambda: site.factory.lost, "the end")
    assert len(site.factory.data) == 1_000_000


async def test_a_terminal_is_read_and_stays_as_it_was_for_the_shell(given, site):
    keyboard, terminal = pty.openpty()
    listener = given.run(terminal)
    os.write(keyboard, b"typed\n")
    await until(lambda: site.factory.data, "the line")
    assert os.get_blocking(terminal)
    assert await listener.drain(1) == 0
    os.close(terminal)
    os.close(keyboard)
    assert site.factory.data == b"typed\n"


async def test_a_store_that_is_full_stops_the_reading(given, site):
    reading, writing = os.pipe()
    given.run(reading)
    os.close(reading)
    transport = site.factory.made[0].transport
    transport.pauseProducing()
    os.write(writing, b"x")
    await deferLater(REACTOR, 0.05)
    assert site.factory.data == b""
    transport.resumeProducing()
    await until(lambda: site.factory.data, "the byte")
    os.close(writing)


async def test_a_stop_takes_in_what_is_in_the_pipe(given, site):
    reading, writing = os.pipe()
    listener = given.run(reading)
    os.close(reading)
    os.write(writing, b"x" * 60000)
    assert await listener.drain(5) == 0
    assert len(site.factory.data) == 60000
    assert len(site.factory.lost) == 1
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


async def test_a_stop_before_the_start_leaves_nothing_open(given, site):
    reading, writing = os.pipe()
    listener = given.make(reading)
    listener.bind()
    os.close(reading)
    assert await listener.drain(1) == 0
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


async def test_a_closed_standard_input_is_told_in_a_sentence(given, site):
    with pytest.raises(ListenError, match="stdin:: no standard input"):
        given.make(9999).bind()


async def test_answers_go_nowhere_and_harm_nothing(given, site):
    reading, writing = os.pipe()
    given.run(reading)
    os.close(reading)
    transport = site.factory.made[0].transport
    transport.write(b"answer")
    transport.writeSequence([b"a", b"b"])
    transport.loseConnection()
    await until(lambda: site.factory.lost, "the end")
    os.close(writing)
