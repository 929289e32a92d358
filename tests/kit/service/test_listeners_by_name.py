"""A plugin with listeners by name: chat for everybody, a port for its admin, a page of its state."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from logsrv.errors import ConfigurationError
from logsrv.kit import Connection, DatagramLines, LineProtocol, protocol_plugin
from logsrv.kit.net.parse import parse_named_endpoint
from logsrv.kit.testing import MemoryPeer, MemoryService
from tests.parts.talking import Short

pytest_plugins = ["logsrv.kit.testing.fixtures"]

InMemory = Callable[..., MemoryService]
LISTEN = ("tcp:7000", "admin:tcp:7001:interface=127.0.0.1", "status:tcp:8080", "asks:udp:7002")


class Chat(LineProtocol):
    def line_received(self, line: str) -> None:
        self.service.broadcast(f"{line} ({self.listener!r})")


async def admin(connection: Connection) -> None:
    async for line in connection:
        if line == "bye":
            return
        connection.send_line(f"{connection.listener}: {len(connection.service.peers)} peers")


class Status(Resource):
    isLeaf = True

    def __init__(self, service: Any) -> None:
        super().__init__()
        self.service = service

    def render_GET(self, request: Any) -> bytes:
        if request.path == b"/wrong":
            raise RuntimeError("the page failed")
        return b"%d peers\n" % len(self.service.peers)

    def render_POST(self, request: Any) -> bytes:
        return b"%d bytes\n" % len(request.content.read())


class Asks(DatagramLines):
    def line_received(self, line: str, peer: Any) -> None:
        self.send_line(f"{self.listener}: {line}", peer)


def plugin(**how: Any) -> Any:
    listeners = {"admin": admin, "status": Status, "asks": Asks}
    return protocol_plugin("chat", Chat, listen=LISTEN, listeners=listeners, **how)


def get(service: MemoryService, path: str = "/") -> bytes:
    peer = service.connect(to="status")
    peer.feed(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    return peer.received()


def test_each_listener_serves_its_own_and_all_share_a_service(in_memory):
    service = in_memory(plugin())
    one, boss, sender = service.connect(), service.connect(to="admin"), service.sender(to="asks")
    one.feed(b"hello\n")
    boss.feed(b"how many\n")
    sender.send(b"who")
    assert one.received() == b"hello ('')\r\n"
    # What is said to all is not said to the admin.
    assert boss.received() == b"admin: 2 peers\r\n"
    assert sender.received() == [b"asks: who\r\n"]
    assert get(service).endswith(b"\r\n\r\n2 peers\n")
    label = "admin:tcp:7001:interface=127.0.0.1"
    assert service.metric("connections_total", listener=label) == 1
    assert service.stop() == 0


@pytest.mark.complains("the page failed")
def test_a_resource_that_fails_answers_500_and_is_counted(in_memory):
    service = in_memory(plugin())
    assert get(service, "/wrong").startswith(b"HTTP/1.1 500 ")
    assert get(service).startswith(b"HTTP/1.1 200 ")
    assert service.metric("requests_failed_total", listener="status:tcp:8080") == 1


@pytest.mark.parametrize(("size", "status"), [(60_000, b"200"), (70_000, b"413")])
def test_a_body_is_kept_up_to_64_kib(in_memory, size, status):
    peer = in_memory(plugin()).connect(to="status")
    peer.feed(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % size)
    peer.feed(b"x" * size)
    answer = peer.received()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert status == b"413" or answer.endswith(b"\r\n60000 bytes\n")


class Page(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"a page\n"


def test_a_resource_may_take_no_service_and_be_the_main_protocol(in_memory):
    peer = in_memory(Page).connect()
    peer.feed(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.received().endswith(b"\r\n\r\na page\n")


class Slow(Resource):
    """Answers after 2 s, in two parts; `/spawned` by a task of the service."""

    isLeaf = True

    def __init__(self, service: Any) -> None:
        super().__init__()
        self.service = service

    def render_GET(self, request: Any) -> int:
        if request.path == b"/spawned":
            self.service.spawn(self.answer(request), "answer")
        else:
            self.service.clock.callLater(1, request.write, b"at ")
            self.service.clock.callLater(2, self.end, request)
        return NOT_DONE_YET

    def end(self, request: Any) -> None:
        request.write(b"last")
        request.finish()

    async def answer(self, request: Any) -> None:
        await deferLater(self.service.clock, 2)
        self.end(request)


LAST = b"3\r\nat \r\n4\r\nlast\r\n0\r\n\r\n"


def asked(service: MemoryService, path: bytes = b"/") -> MemoryPeer:
    """Return a peer that awaits the answer to a request, and would send another."""
    peer = service.connect(to="slow")
    peer.feed(b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % path)
    assert peer.received() == b""
    return peer


def slow(in_memory: InMemory, *arguments: str) -> MemoryService:
    listen = ("tcp:7000", "slow:tcp:7001")
    return in_memory(
        protocol_plugin("chat", Chat, listen=listen, listeners={"slow": Slow}), *arguments
    )


def test_a_client_that_closes_its_half_gets_its_answer(in_memory):
    service = slow(in_memory)
    peer = asked(service)
    peer.half_close()
    service.clock.advance(1)
    service.clock.advance(1)
    assert peer.received().endswith(LAST) and peer.closed


def test_a_stop_waits_for_the_answer_of_a_resource(in_memory):
    service = slow(in_memory)
    silent, peer = service.connect(to="slow"), asked(service)
    assert service.stop() == 0
    assert peer.received().endswith(LAST)
    assert (peer.closed, silent.closed) == (True, True)


def test_the_idle_timeout_waits_for_the_answer_too_but_once(in_memory):
    service = slow(in_memory, "--idle-timeout", "1500ms")
    peer = asked(service)
    service.clock.advance(1.95)
    assert not peer.closed
    service.clock.advance(0.1)
    answer = peer.received()
    assert answer.endswith(LAST)
    assert peer.closed
    service = slow(in_memory, "--idle-timeout", "500ms")
    peer = asked(service)
    service.clock.advance(1.5)
    assert peer.closed


@pytest.mark.parametrize("path", [b"/", b"/spawned"])
def test_a_client_that_goes_before_its_answer_is_no_error(in_memory, path):
    service = slow(in_memory)
    asked(service, path).disconnect()
    service.clock.advance(3)
    assert service.metric("tasks_failed_total") == 0
    assert service.stop() == 0


def test_an_answer_may_be_that_of_a_named_listener(in_memory):
    service = in_memory(
        protocol_plugin("chat", Chat, listen=LISTEN[:2], listeners={"admin": Short})
    )
    assert service.answer(b"ab\n", to="admin") == b"ab\r\n"
    assert service.answer(b"ab\n") == b"ab ('')\r\n"


def test_a_reload_adds_and_removes_a_listener(in_memory):
    service = in_memory(plugin())
    service.connect(to="admin").feed(b"bye\n")
    service.reload(listen=("tcp:7000", "status:tcp:8081"))
    assert [str(one.endpoint) for one in service.listeners] == ["tcp:7000", "status:tcp:8081"]
    service.reload(max_connections=1)
    service.connect(to="status")
    assert service.connect(to="status").closed


def test_an_unknown_name_is_one_sentence_with_the_known_ones(in_memory):
    said = "stats is no listener; did you mean status[?] known are admin, status or asks"
    with pytest.raises(ConfigurationError, match=said):
        in_memory(plugin(), "--listen", "stats:tcp:8080")
    with pytest.raises(AssertionError, match="takes no connections at nobody now"):
        in_memory(plugin()).connect(to="nobody")


def test_a_listener_for_datagrams_alone_is_named_in_the_right_endpoint(in_memory):
    with pytest.raises(ConfigurationError) as refused:
        in_memory(plugin(), "--listen", "asks:tcp:7002")
    said = "chat: asks:tcp:7002: asks takes datagrams only; use asks:udp:PORT"
    assert str(refused.value) == said
    with pytest.raises(ConfigurationError, match="admin takes connections only, no datagrams"):
        in_memory(plugin(), "--listen", "admin:udp:7002")


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("admin:tcp:1:interface=127.0.0.1", "admin", "tcp:1:interface=127.0.0.1"),
        ("admin:haproxy:tcp:1", "admin", "tcp:1"),
        ("tcp:1", "", "tcp:1"),
    ],
)
def test_a_name_is_no_part_of_the_place(text, name, rest):
    endpoint = parse_named_endpoint(("admin",), text)
    assert (str(endpoint), endpoint.name) == (text, name)
    assert endpoint.twisted_description.removesuffix(":backlog=1024") == rest


def test_paths_of_a_named_endpoint_are_located_with_its_name(tmp_path):
    endpoint = parse_named_endpoint(("admin",), "admin:unix:socket").with_paths_below(tmp_path)
    assert str(endpoint) == f"admin:unix:{tmp_path}/socket"


@pytest.mark.parametrize(
    ("listeners", "said"),
    [
        ({"tcp": admin}, "'tcp' cannot be the name of a listener"),
        ({"haproxy": admin}, "'haproxy' cannot be the name"),
        ({"Admin": admin}, "lower-case letters, digits, - and _"),
        ({5: admin}, "5 cannot be the name"),
        ({"admin": None}, "the listener admin has no protocol"),
        ({"admin": 5}, "the listener admin is 5; it has to be a class or a function"),
        ([admin], r"is not a dict such as \{\"status\": Status\}"),
    ],
)
def test_a_wrong_listener_is_refused_at_load(listeners, said):
    with pytest.raises(ConfigurationError, match=said):
        protocol_plugin("chat", Chat, listeners=listeners)


def test_two_listeners_that_want_one_port_are_refused(in_memory):
    with pytest.raises(ConfigurationError, match="status:tcp:7000 and tcp:7000 are one place"):
        in_memory(plugin(), "--listen", "tcp:7000", "--listen", "status:tcp:7000")


def test_a_listener_that_is_named_in_text_is_loaded_by_check():
    missing = protocol_plugin("chat", Chat, listeners={"admin": "tests.kit.nothing:admin"})
    with pytest.raises(ConfigurationError, match=r"chat: .*tests\.kit\.nothing"):
        missing.check()
