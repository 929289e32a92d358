"""Many answers at once, each whole or with its error; nobody waits for ever."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Trust
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.transfers import EACH_ADDRESS, SocketTransfer, Transfers
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import (
    Refused,
    TooBig,
)
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.parts.gopher_servers import LOOPBACK
from tests.parts.own_sockets import connected_sockets

if TYPE_CHECKING:
    from logsrv.gopher.fetch.transfers import AnswerSink


class TextSink(Content):
    """The bytes of a text."""

    def __init__(self) -> None:
        super().__init__("text")


Make = Callable[..., Transfers]


@pytest.fixture
def fetcher() -> Iterator[Make]:
    made: list[Transfers] = []

    def make(trust: Trust | None = None, proxy: Proxy | None = None, **limits: Any) -> Transfers:
        options = ConnectionOptions(Limits(**limits), trust or Trust(), proxy)
        made.append(Transfers(options, time.monotonic))
        return made[-1]

    yield make
    for each in made:
        each.close()


def all_of(fetcher: Transfers) -> list[SocketTransfer]:
    found: list[SocketTransfer] = []
    end = time.monotonic() + PATIENCE
    while fetcher.active:
        assert time.monotonic() < end
        found += fetcher.run_round(1)
    return found


def ask(fetcher: Transfers, url: str, sink: AnswerSink | None = None) -> SocketTransfer:
    fetcher.start(GopherURL.parse(url), sink or TextSink())
    (finished,) = all_of(fetcher)
    return finished


def content(finished: SocketTransfer) -> bytes:
    assert finished.error is None
    assert isinstance(finished.sink, TextSink)
    return finished.sink.content


def test_fifty_requests_at_once_get_their_own_answers(serve, fetcher):
    all_asked = threading.Barrier(50)

    def answer_when_all_asked(connection: socket.socket, request: bytes) -> None:
        all_asked.wait(PATIENCE)
        connection.sendall(request)

    server = serve(answer_when_all_asked)
    get = fetcher()
    for number in range(50):
        url = GopherURL.parse(server.url(f"/0{number}"))
        get.start(url, TextSink())
    assert sorted(map(content, all_of(get))) == sorted(b"%d\r\n" % n for n in range(50))
    assert get.received == sum(len(b"%d\r\n" % n) for n in range(50))


def test_a_long_selector_and_a_large_answer(serve, fetcher):
    server = serve(lambda connection, request: connection.sendall(request * 10))
    selector = "x" * 1_000_000
    found = content(ask(fetcher(), server.url(f"/0{selector}")))
    assert found == (selector.encode() + b"\r\n") * 10


def error_of(finished: SocketTransfer, kind: type[Exception]) -> str:
    assert isinstance(finished.error, kind), finished.error
    return str(finished.error)


def test_the_other_address_of_a_host_is_tried(serve, fetcher, monkeypatch):
    """`localhost` is ::1 first in many places, and many servers know only 127.0.0.1."""
    port = serve(b"found").port
    real = socket.getaddrinfo

    def two(host: str, *rest: object, **more: object) -> object:
        bad = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port))
        return [bad, *real(LOOPBACK, *rest, **more)]  # type: ignore[arg-type]

    monkeypatch.setattr("socket.getaddrinfo", two)
    assert content(ask(fetcher(), f"gopher://two.example:{port}/0x")) == b"found"


def test_an_address_that_is_silent_leaves_time_for_the_next(serve, fetcher, monkeypatch):
    names(monkeypatch, ["127.0.0.2", LOOPBACK])
    monkeypatch.setattr("logsrv.gopher.fetch.transfers.EACH_ADDRESS", 0.1)
    server = serve(b"found")
    with ExitStack() as stack:
        # Whoever connects to a server with a full queue hears nothing.
        full = stack.enter_context(socket.create_server(("127.0.0.2", server.port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = server.url("/0x", host="two.example")
        assert content(ask(fetcher(connect=PATIENCE), url)) == b"found"


def test_a_server_that_takes_its_time_is_not_left_for_the_next_address(serve, fetcher, monkeypatch):
    """The time for an address ends with the connection: an answer is not broken off in the middle."""
    names(monkeypatch, [LOOPBACK, "127.0.0.2"])
    goes_on = threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"begun ")
        goes_on.wait(PATIENCE)
        connection.sendall(b"and ended")

    get, sink, late = fetcher(), TextSink(), [0.0]
    get.clock = lambda: time.monotonic() + late[0]
    server = serve(answer)
    get.start(GopherURL.parse(server.url("/9x", host="two.example")), sink)
    end = time.monotonic() + PATIENCE
    while not sink.content:
        assert time.monotonic() < end
        get.run_round(1)
    late[0] = EACH_ADDRESS + 1
    get.run_round(0)
    goes_on.set()
    (finished,) = all_of(get)
    assert content(finished) == b"begun and ended"


def test_a_host_that_has_moved_is_looked_up_again(serve, fetcher, monkeypatch):
    """An address that takes no connection is not remembered for a minute."""
    names(monkeypatch, ["127.0.0.2"], [LOOPBACK])
    url, get = serve(b"found").url("/0x", host="moved.example"), fetcher()
    error_of(ask(get, url), Refused)
    assert content(ask(get, url)) == b"found"


def test_what_is_asked_for_later_is_asked_for_once(serve, fetcher, monkeypatch):
    """However long its name takes to be looked up."""
    real = socket.getaddrinfo

    def slow(_: str, *rest: object, **more: object) -> object:
        time.sleep(0.4)
        return real(LOOPBACK, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("socket.getaddrinfo", slow)
    server, get = serve(b"later"), fetcher()
    begun = time.monotonic()
    get.start(GopherURL.parse(server.url("/0x", host="slow.example")), TextSink(), after=0.2)
    (finished,) = all_of(get)
    assert content(finished) == b"later"
    assert time.monotonic() - begun >= 0.6
    assert server.requests == [b"x\r\n"]


def test_who_pauses_gets_nothing_until_it_goes_on(serve, fetcher, monkeypatch):
    """Not even what has come already."""
    monkeypatch.setattr("logsrv.gopher.fetch.transfers.CHUNK", 10)
    sent = threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 100)
        sent.set()

    class Pausing(TextSink):
        def feed(self, data: bytes) -> bool:
            if not self.content:
                get.pause(transfer)
            return super().feed(data)

    get, sink = fetcher(), Pausing()
    transfer = get.start(GopherURL.parse(serve(answer).url("/9x")), sink)
    while not (sent.is_set() and sink.content):
        get.run_round(0.1)
    get.run_round(0.1)
    assert len(sink.content) == 10
    get.resume(transfer)
    (finished,) = all_of(get)
    assert content(finished) == b"x" * 100


def _in_a_hurry(connection: socket.socket, _: bytes) -> None:
    """Answer at length before more of a request than its first line was read."""
    connection.sendall(b"x" * 20_000_000)


def test_who_pauses_while_a_request_is_still_sent_gets_nothing_either(serve, fetcher):
    class Pausing(TextSink):
        def feed(self, data: bytes) -> bool:
            get.pause(transfer)
            return super().feed(data)

    get, sink = fetcher(), Pausing()
    url = GopherURL.parse(serve(_in_a_hurry).url("/9x"))
    transfer = get.start(url, sink, after=0.01)
    transfer.request = b"x\r\n" + b"y" * 20_000_000
    while not sink.content:
        get.run_round(0.1)
    came = len(sink.content)
    for _ in range(20):
        get.run_round(0.05)
    assert len(sink.content) == came
    get.resume(transfer)
    while len(sink.content) == came:
        get.run_round(0.1)
    get.stop(transfer)


@pytest.mark.parametrize("path", ["/9x", "/0x%09%09+"])
def test_who_has_enough_hears_nothing_more(serve, fetcher, path):
    class Stopping(TextSink):
        def feed(self, data: bytes) -> bool:
            get.stop(transfer)
            return super().feed(data)

    get, sink = fetcher(), Stopping()
    transfer = get.start(GopherURL.parse(serve(b"+2\r\nxx").url(path)), sink)
    assert all_of(get) == []
    assert transfer.error is None


@pytest.mark.parametrize("moment", ["before it begins", "looking up", "connecting", "receiving"])
def test_a_request_that_is_stopped_leaves_nothing_open(serve, fetcher, monkeypatch, moment):
    """At whatever moment: no connection is made for it any more, and its sink hears nothing."""
    found = threading.Event()
    real = socket.getaddrinfo

    def look_up(host: str | bytes, port: int, **more: Any) -> Any:
        found.wait(PATIENCE)
        return real(LOOPBACK, port, **more)

    class Deaf(TextSink):
        def finish(self, has_header: bool) -> None:
            raise AssertionError("it ends")

        abort = None  # type: ignore[assignment]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    begun, over = threading.Event(), threading.Event()

    def hang(connection: Any, request: bytes) -> None:
        connection.sendall(b"begin")
        begun.set()
        over.wait(PATIENCE)

    server, get, sink = serve(hang), fetcher(), Deaf()
    url = GopherURL.parse(server.url("/0x")).replace(host="slow.example")
    transfer = get.start(url, sink, after=0.01 if moment == "before it begins" else 0.0)
    if moment in ("connecting", "receiving"):
        found.set()
        while transfer.socket is None or (moment == "receiving" and not sink.content):
            get.run_round(0.1)
    assert (transfer.socket is not None) == found.is_set()
    get.stop(transfer)
    found.set()
    # A whole answer after it, of a name that is looked up anew: all that was to come has come.
    other = GopherURL.parse(serve(b"x").url("/9x")).replace(host="other.example")
    get.start(other, TextSink())
    [ended] = all_of(get)
    over.set()
    assert ended.url == other
    assert connected_sockets(theirs=server.port) == []


def test_who_is_stopped_by_the_end_of_another_hears_nothing(serve, fetcher):
    """Also if both would have come to their end at the same look at the clock."""
    get = fetcher(first_byte=0.05)
    ended: list[object] = []

    class Stopping(TextSink):
        def abort(self) -> None:
            ended.append(self)
            for transfer in transfers:
                get.stop(transfer)

    url = GopherURL.parse(serve(lambda connection, _: connection.recv(1)).url("/0x"))
    transfers = [get.start(url, Stopping()) for _ in range(3)]
    assert len(all_of(get)) == len(ended) == 1


def test_a_disk_that_fails_is_told_as_such(serve, fetcher, tmp_path):
    (tmp_path / "x").touch()
    sink = FileSink(str(tmp_path / "x" / "y"), text=False)
    finished = ask(fetcher(), serve(b"x" * 1_000_000).url("/9x"), sink)
    assert isinstance(finished.error, (FileExistsError, NotADirectoryError))


LARGE = random.Random(1).randbytes(5_000_000)


def test_large_binaries_arrive_whole(serve, fetcher, tmp_path):
    server, get = serve(LARGE), fetcher(download=len(LARGE))
    sinks = [FileSink(str(tmp_path / str(number)), text=False) for number in range(3)]
    for sink in sinks:
        get.start(GopherURL.parse(server.url("/9x")), sink)
    assert [finished.error for finished in all_of(get)] == [None] * 3
    for number, sink in enumerate(sinks):
        sink.store()
        assert (tmp_path / str(number)).read_bytes() == LARGE
        assert sink.size == len(LARGE)
    assert get.received == 3 * len(LARGE)
    sink = FileSink(str(tmp_path / "more"), text=False)
    error_of(ask(fetcher(download=len(LARGE) - 1), server.url("/9x"), sink), TooBig)
    assert not (tmp_path / "more").exists()


def test_giving_up_leaves_nothing(serve, fetcher, tmp_path):
    def slow(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 1_000_000)
        connection.recv(1)

    get = fetcher()
    sink = FileSink(str(tmp_path / "x"), text=False)
    url = GopherURL.parse(serve(slow).url("/9x"))
    get.start(url, sink)
    end = time.monotonic() + PATIENCE
    while get.received < 1_000_000:
        assert time.monotonic() < end
        get.run_round(1)
    assert len(list(tmp_path.iterdir())) == 1
    get.close()
    assert list(tmp_path.iterdir()) == []


def test_who_answers_at_once_keeps_no_name_waiting_that_is_looked_up(serve, fetcher):
    """What ends in .onion fails as soon as it is asked for."""
    server = serve(b"text")
    get = fetcher()
    sink = TextSink()
    get.start(GopherURL.parse(f"gopher://localhost:{server.port}/0/x"), sink)
    end = time.monotonic() + PATIENCE
    found: list[SocketTransfer] = []
    while sink not in [each.sink for each in found]:
        assert time.monotonic() < end
        get.start(GopherURL.parse("gopher://x.onion/"), TextSink())
        found = get.run_round(0)
    assert sink.content == b"text"
