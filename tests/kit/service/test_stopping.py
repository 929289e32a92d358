"""A graceful stop, seen from the other end: who is being answered gets it; steps within their time."""

import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit import Connection, Delimiter, FrameProtocol, LineProtocol, RequestProtocol
from logsrv.kit.protocols._deadline import with_time_limit
from logsrv.kit.service._stop import STOP_SECONDS, await_step_logged
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.reactor import logged

pytest_plugins = ["logsrv.kit.testing.fixtures"]

UNITS = Path(__file__).parents[3] / "packaging" / "systemd"


class Slow(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.send_line(f"working on {line}")
        if line != "nothing":
            await deferLater(reactor, 0.5)  # type: ignore[arg-type]
        self.send_line(f"done {line}")


def begin(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(1000)


def rest(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


async def test_work_under_way_is_finished(serving):
    """At a stop, a coroutine that is answering a line finishes, and its answer arrives."""
    running = serving(Slow)
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        assert await deferToThread(begin, client, b"one\n") == b"working on one\r\n"
        stopping = running.service.stopService()
        assert await deferToThread(rest, client) == b"done one\r\n"
        await stopping


class SlowRequests(RequestProtocol):
    async def request_received(self, request: str) -> str:
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        return f"done {request}"


class SlowFrames(FrameProtocol):
    framing = Delimiter(b"\n")

    async def frame_received(self, frame: bytes) -> None:
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        self.send_frame(b"done %s" % frame)


class SlowAsking(LineProtocol):
    async def line_received(self, line: str) -> None:
        while True:
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]
            line = await self.ask(f"done {line}\n")


async def answer_slowly(connection: Connection) -> None:
    async for line in connection:
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        connection.send_line(f"done {line}")


def ask_again_at_once(client: socket.socket, times: int) -> int:
    """Ask as soon as there is an answer, up to some times; return how many answers came before the end."""
    for answers in range(times):
        client.sendall(b"it\n")
        if not (answer := client.recv(1000)):
            return answers
        assert answer.strip() == b"done it"
    return times


@pytest.mark.parametrize("served", [SlowRequests, SlowFrames, SlowAsking, answer_slowly])
async def test_who_asks_again_at_once_gets_the_answer_and_then_the_end(serving, served):
    """The end is no reset, and comes as soon as an answer is sent: not when the time is over."""
    running = serving(served)
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        assert await deferToThread(ask_again_at_once, client, 2) == 2
        asking = deferToThread(ask_again_at_once, client, 60)
        await running.service.stopService()
        assert await asking < 20
    assert running.service.served.cut == 0


async def test_requests_that_have_arrived_are_answered_although_a_stop_closes_behind_an_answer(
    serving,
):
    running = serving(SlowRequests)
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        assert await deferToThread(begin, client, b"one\n") == b"done one\r\n"
        client.sendall(b"two\nthree\n")
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
        client.sendall(b"four\n")
        stopping = running.service.stopService()
        assert await deferToThread(rest, client) == b"done two\r\ndone three\r\ndone four\r\n"
        await stopping


class Thoughtful(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.service.state.asked.callback(None)
        await deferLater(reactor, 0.5)  # type: ignore[arg-type]
        self.send_line(f"done {line}")


class Asked:
    def __init__(self, service: object) -> None:
        self.asked: Deferred[None] = Deferred()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[str, Callable[[int], ssl.SSLSocket]]:
    """An endpoint with a certificate of its own, and what connects to a port of it."""
    authority = Authority(tmp_path)
    pem = authority.certify("localhost")
    context = ssl.create_default_context(cafile=str(authority.cafile))

    def connect(port: int) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        return context.wrap_socket(plain, server_hostname="localhost")

    return f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}", connect


TLS = tuple[str, Callable[[int], ssl.SSLSocket]]
# Twisted's own, about its `ssl:` endpoints.
pyopenssl = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@pyopenssl
async def test_tls_conversation_ends_at_once(serving, tls, monkeypatch):
    """Over TLS too a stop does not wait for the deadline when there is nothing to wait for."""
    monkeypatch.setattr("logsrv.kit.service._stop.DRAIN_SECONDS", 600.0)
    where, connect = tls
    running = serving(Slow, "--listen", where)
    with await deferToThread(connect, running.port) as client:
        answer = await deferToThread(begin, client, b"nothing\n")
        stopping = running.service.stopService()
        answer += await deferToThread(rest, client)
    await stopping.addTimeout(PATIENCE, reactor)  # type: ignore[arg-type]
    assert answer == b"working on nothing\r\ndone nothing\r\n"


@pyopenssl
async def test_work_under_way_over_tls_is_finished(serving, tls):
    """Also when nothing of the answer was sent before the stop."""
    where, connect = tls
    running = serving(Thoughtful, "--listen", where, state=Asked)
    with await deferToThread(connect, running.port) as client:
        await deferToThread(client.sendall, b"one\n")
        await running.service.state.asked
        stopping = running.service.stopService()
        assert await deferToThread(rest, client) == b"done one\r\n"
    await stopping


@pytest.mark.parametrize("lines", [1, 1000])
async def test_lines_in_flight_are_answered(serving, lines):
    """What was sent before the stop is answered, all of it."""
    running = serving(Slow)
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        client.sendall(b"nothing\n" * lines)
        stopping = running.service.stopService()
        answer = await deferToThread(rest, client)
        await stopping
    assert answer.count(b"done nothing\r\n") == lines


def service_at(clock: Clock) -> Any:
    return SimpleNamespace(name="test", clock=clock)


async def value() -> int:
    return 7


@pytest.mark.parametrize("step", [lambda: 7, value])
def test_a_step_may_be_plain_or_async(step):
    results: list[int] = []
    with_time_limit(step, 1, Clock()).addCallback(results.append)
    assert results == [7]


def test_a_step_that_never_ends_is_cancelled_and_given_up():
    cancelled: list[object] = []
    failures: list[Failure] = []
    clock = Clock()
    with_time_limit(lambda: Deferred(cancelled.append), 2, clock).addErrback(failures.append)
    clock.advance(1.9)
    assert not failures
    clock.advance(0.2)
    assert failures[0].check(DeferredTimeout) and cancelled


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda: fail(StoreError("no room")), "test: no room"),
        (lambda: fail(KeyError("a bug")), "test: closing failed"),
    ],
)
async def test_a_failed_step_is_logged_and_hinders_nothing(step, said):
    with logged() as messages:
        await await_step_logged(service_at(Clock()), 1, step, "closing")
    assert [message.splitlines()[0] for message in messages] == [said]


async def test_a_step_that_takes_too_long_is_logged():
    clock = Clock()
    with logged() as messages:
        waiting = Deferred.fromCoroutine(
            await_step_logged(service_at(clock), 3, Deferred, "closing")
        )
        clock.advance(4)
        await waiting
    assert messages == ["test: closing has taken 3 s and is given up"]


def test_a_stop_has_the_time_that_it_may_take_in_the_unit_of_the_line_logger():
    text = (UNITS / "logsrv.service").read_text()
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(seconds) > STOP_SECONDS
