"""Connections to other servers: made, lost, made again, drained."""

from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import Clock, deferLater

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit import FrameProtocol, LineProtocol, protocol_plugin
from logsrv.kit._protocol_plugin.links import Links
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.service.service import ListeningService
from logsrv.kit.testing import MemoryService, Running, serve
from tests.parts.certificates import Authority
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, logged, until

heard: list[str] = []


class Upstream(LineProtocol):
    """What the other server says."""

    def connection_made(self) -> None:
        self.send_line("hello")

    def line_received(self, line: str) -> None:
        heard.append(line)


class Other(LineProtocol):
    """The other server."""

    def line_received(self, line: str) -> None:
        heard.append(f"it heard {line}")
        self.send_line(line.upper())


class Quiet(LineProtocol):
    """Says nothing."""


async def handled(connection: Any) -> None:
    connection.send_line("hi")
    async for line in connection:
        heard.append(line)


class Plain(Protocol):
    """A protocol of Twisted's own."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"plain\n")

    def dataReceived(self, data: bytes) -> None:
        heard.append(data.decode().strip())


def where(running: Running) -> str:
    return f"tcp:127.0.0.1:{running.port}"


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    heard.clear()


@pytest.mark.parametrize(
    ("protocol", "said"), [(Upstream, "hello"), (handled, "hi"), (Plain, "plain")]
)
async def test_any_protocol_that_serves_can_connect(protocol, said):
    async with serve(Other) as other, serve(Quiet) as ours:
        with logged() as messages:
            link = ours.service.connect(where(other), protocol)
            connected = await link.when_connected()
            assert connected is link.protocol
            assert protocol is handled or connected.transport.getTcpNoDelay()
            await until(lambda: len(heard) == 2, "the answer")
        assert heard == [f"it heard {said}", said.upper()]
        assert f"connected to {where(other)}" in messages
        assert ours.service.metrics.value("connections_open", listener=f"to {where(other)}") == 1
        # Others are peers, this is none.
        assert len(ours.service.peers) == 0
        await link.close()
        assert link.protocol is None
        with pytest.raises(CancelledError):
            await link.when_connected()


def test_a_link_that_is_asked_for_as_another_begins_begins_too():
    """A place may answer at once, and what it answers may name the next."""
    tried: list[str] = []

    class Place:
        """Notes each try, and asks for the next link in the first."""

        def __init__(self, name: str) -> None:
            self.name = name

        def connect(self, factory: Any) -> Deferred[Any]:
            tried.append(self.name)
            if self.name == "first":
                add("second")
            return Deferred()

    def add(name: str) -> None:
        place: Any = Place(name)
        links.add_link(name, place, Mock())

    links = Links(Clock(), Metrics(), GuardPolicy)
    add("first")
    assert tried == []
    links.connect_all()
    assert tried == ["first", "second"]


class Linked:
    """A state that connects in its constructor, and waits for that in its start."""

    def __init__(self, service: Any) -> None:
        self.link = service.connect(place[0], Upstream)

    async def start(self) -> None:
        await self.link.when_connected()

    async def stopping(self) -> None:
        self.link.protocol.send_line("goodbye")
        # Nobody waits for an answer by himself: the link is closed when nothing has come for a moment.
        await until(lambda: "GOODBYE" in heard, "the answer")


place = [""]


@pytest.mark.slow
async def test_a_link_reconnects_by_itself():
    """The other server is not there yet, comes, goes and comes again."""
    port = free_port()
    place[0] = f"tcp:127.0.0.1:{port}"
    listen = f"--listen=tcp:{port}:interface=127.0.0.1"
    with logged() as messages:
        ours = serve(protocol_plugin("job", None, state=Linked, listen=()))
        failures = ours.service.metrics
        await until(lambda: failures.value("links_failed_total"), "a try that fails")
        assert ours.service.unready_reasons() == ["job is starting"]
        async with serve(Other, listen):
            await ours.service.when_ready()
            await until(lambda: "HELLO" in heard, "the greeting")
        await until(lambda: ours.service.state.link.protocol is None, "the loss")
        assert any(one.startswith(f"lost the connection to {place[0]}") for one in messages)
        async with serve(Other, listen):
            await until(lambda: heard.count("HELLO") == 2, "the second greeting")
            await ours.stop()
            assert heard[-2:] == ["it heard goodbye", "GOODBYE"]
    trying = [one for one in messages if one.startswith(f"cannot connect to {place[0]}, and goes")]
    assert len(trying) <= 2


class Talkative(LineProtocol):
    """Sends lines without being asked."""

    def connection_made(self) -> None:
        self.send_line("\r\n".join(str(number) for number in range(100_000)))

    def line_received(self, line: str) -> None:
        """Take the greeting."""


async def test_arrived_input_of_a_link_is_handled_at_the_stop():
    async with serve(Talkative) as other:
        ours = serve(Quiet)
        link = ours.service.connect(where(other), Upstream)
        await link.when_connected()
        await ours.stop()
    assert heard[-1] == "99999"
    with pytest.raises(RuntimeError, match="the service has stopped"):
        ours.service.connect("tcp:127.0.0.1:1", Upstream)


async def test_a_stop_ends_the_tries_of_a_link():
    ours = serve(Quiet)
    link = ours.service.connect("tcp:127.0.0.1:1", Upstream)
    waiting = Deferred.fromCoroutine(link.when_connected())
    await until(lambda: ours.service.metrics.value("links_failed_total"), "a try")
    await ours.stop()
    with pytest.raises(CancelledError):
        await waiting
    await deferLater(REACTOR, 0)


async def test_wrong_places_and_protocols_are_refused(tmp_path):
    service = MemoryService(Quiet).service
    for endpoint, protocol, said in (
        ("tpc:host:1", Upstream, "'?tpc:host:1'? is no place to connect to; did you mean tcp"),
        ("tcp:host:1", 7, "7 is neither a Protocol class nor a function"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            service.connect(endpoint, protocol)
    with pytest.raises(TypeError, match="connect takes an endpoint such as tcp:HOST:PORT, not 7"):
        service.connect(7, Upstream)  # type: ignore[arg-type]

    def state(service: Any) -> Any:
        return service.connect("nowhere", Upstream)

    with pytest.raises(StartError, match="plugin: nowhere is no place to connect to"):
        MemoryService(Quiet, state=state)


async def test_a_link_of_frames_needs_no_option_max_frame():
    class Frames(FrameProtocol):
        def connection_made(self) -> None:
            self.send_frame(b"frame")

        def frame_received(self, frame: bytes) -> None:
            heard.append(frame.decode())

    class Echo(FrameProtocol):
        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

    async with serve(Echo) as other, serve(Quiet) as ours:
        ours.service.connect(where(other), Frames)
        await until(lambda: heard == ["frame"], "the echo")
    assert issubclass(type(ours.service), ListeningService)


class Mail(LineProtocol):
    """A server with STARTTLS."""

    async def line_received(self, line: str) -> None:
        if line == "STARTTLS":
            self.send_line("go on")
            await self.start_tls()
        else:
            self.send_line(f"{line} {self.encrypted}")


async def mails(connection: Any) -> None:
    """A client that trusts the system's authorities."""
    connection.send_line("STARTTLS")
    heard.append(f"{await connection.read_line()} {connection.can_start_tls}")
    await connection.start_tls()
    connection.send_line("DATA")
    heard.append(f"{await connection.read_line()} {connection.encrypted}")


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_tls_on_a_link_verifies_the_host(tmp_path, monkeypatch):
    """With whoever has a certificate for the host; the listener's side of it needs not be ours."""
    authority = Authority(tmp_path)
    pem = authority.certify("localhost")
    listen = f"--listen=tcp:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"

    class Named(LineProtocol):
        """A client that knows whom to trust, and by what name."""

        async def connection_made(self) -> None:
            root = Certificate.loadPEM(authority.cafile.read_bytes())
            self.send_line("STARTTLS")
            heard.append(await self.ask())
            with pytest.raises(TypeError, match="takes what Twisted's optionsForClientTLS gives"):
                await self.start_tls(7)  # type: ignore[arg-type]
            await self.start_tls(optionsForClientTLS("localhost", root))
            self.send_line("NOOP")

        def line_received(self, line: str) -> None:
            heard.append(line)

    async with serve(Mail, listen, start_tls=True) as mail, serve(Quiet) as ours:
        place = f"tcp:localhost:{mail.port}"
        with logged() as messages:
            refused = ours.service.connect(place, mails)
            await until(lambda: any("lost the connection" in each for each in messages), "the end")
        await refused.close()
        assert heard == ["go on True"]
        assert any("certificate verify failed" in each for each in messages), messages
        heard.clear()
        ours.service.connect(where(mail), Named)
        await until(lambda: len(heard) == 2, "the answer")
        assert heard == ["go on", "NOOP True"]
        heard.clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.cafile))
        ours.service.connect(place, mails)
        await until(lambda: len(heard) == 2, "the answer")
        assert heard == ["go on True", "DATA True True"]
