"""`ask`: a prompt, and the next line as its answer, in the middle of a handler."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit import Connection, LineProtocol, PeerGone, PeerTimeout, RequestProtocol
from logsrv.kit.testing import MemoryService


class Login(LineProtocol):
    async def connection_made(self) -> None:
        name = await self.ask("login: ")
        word = await self.ask("password: ")
        self.send_line(f"{name} has said {word}")

    def line_received(self, line: str) -> None:
        self.send_line(f"line {line}")


async def login(connection: Connection) -> None:
    name = await connection.ask("login: ")
    word = await connection.ask("password: ")
    connection.send_line(f"{name} has said {word}")
    async for line in connection:
        connection.send_line(f"line {line}")


class Shell(RequestProtocol):
    async def request_received(self, request: str) -> str:
        if request == "delete":
            return f"sure: {await self.ask('sure? ')}"
        return f"done {request}"


@pytest.mark.parametrize("what", [Login, login])
def test_the_next_line_is_the_answer_of_ask(what):
    """However the network cuts them; all other lines go where they always go."""
    service = MemoryService(what)
    answer = service.answer(b"ada\r\nsecret\nhello\nthere\n")
    assert answer == b"login: password: ada has said secret\r\nline hello\r\nline there\r\n"


def test_ask_works_inside_a_request():
    """Pipelined ones too."""
    service = MemoryService(Shell)
    answer = service.answer(b"a\ndelete\nyes\nb\ndelete\nno\n")
    assert answer == b"done a\r\nsure? sure: yes\r\ndone b\r\nsure? sure: no\r\n"


def test_ask_works_after_other_work():
    """What came while the handler worked on something else is the answer, and is given once."""
    work: Deferred[None] = Deferred()

    class Busy(LineProtocol):
        async def line_received(self, line: str) -> None:
            if line == "work":
                await work
                self.send_line(f"answer {await self.ask('? ')}")
            else:
                self.send_line(f"line {line}")

    peer = MemoryService(Busy).connect()
    peer.feed(b"work\none\ntwo\n")
    assert peer.received() == b""
    work.callback(None)
    assert peer.received() == b"? answer one\r\nline two\r\n"
    peer.feed(b"three\n")
    assert peer.received() == b"line three\r\n"


@pytest.mark.parametrize("what", [Login, login])
def test_a_peer_that_ends_before_its_answer_raises_peer_gone(what):
    """The handler ends, which is no failure; an unfinished last line is an answer."""
    service = MemoryService(what)
    peer = service.connect()
    peer.feed(b"ada")
    peer.half_close()
    assert peer.received() == b"login: password: "
    assert peer.closed
    peer = service.connect()
    peer.disconnect()
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total") == 0


def test_an_ask_without_a_prompt_ends_with_its_peer():
    """Nothing was ever sent to it: then, too, who asked hears of it."""
    happened: list[str] = []

    class Silent(LineProtocol):
        async def connection_made(self) -> None:
            try:
                await self.ask()
            except PeerGone as error:
                happened.append(str(error))

    peer = MemoryService(Silent).connect()
    peer.half_close()
    assert happened == ["tcp:127.0.0.1:50000 sends nothing more"]
    assert peer.closed


def test_an_asking_handler_may_catch_peer_gone():
    """Also one that asks a peer that has gone already."""
    happened: list[str] = []

    class Notes(LineProtocol):
        async def connection_made(self) -> None:
            for _ in range(2):
                try:
                    await self.ask("? ")
                except PeerGone as error:
                    happened.append(str(error))

    MemoryService(Notes).connect().disconnect()
    assert happened == ["tcp:127.0.0.1:50000 has gone"] * 2


@pytest.mark.parametrize("kind", ["lines", "stream"])
def test_an_answer_that_comes_too_late_raises_peer_timeout(kind):
    """PeerTimeout, after which lines go where they always go."""

    async def patient(peer: Any) -> None:
        try:
            await peer.ask("? ", timeout=5)
        except PeerTimeout:
            peer.send_line("too late")
        peer.send_line(f"then {await peer.ask('! ')}")

    class Lines(LineProtocol):
        async def connection_made(self) -> None:
            await patient(self)

        def line_received(self, line: str) -> None:
            self.send_line(f"line {line}")

    service = MemoryService(Lines if kind == "lines" else patient)
    peer = service.connect()
    service.clock.advance(5)
    assert peer.received() == b"? too late\r\n! "
    peer.feed(b"one\ntwo\n")
    assert peer.received() == (b"then one\r\nline two\r\n" if kind == "lines" else b"then one\r\n")


def test_two_asks_at_a_time_are_an_error():
    class Twice(LineProtocol):
        async def connection_made(self) -> None:
            self.later(1, self.ask, "first? ")
            await self.ask("second? ")

    service = MemoryService(Twice)
    peer = service.connect()
    service.clock.advance(1)
    assert service.metric("connections_failed_total") == 1
    assert peer.closed
