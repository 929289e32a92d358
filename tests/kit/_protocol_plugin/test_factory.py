"""What a plugin may serve, a sentence for anything else, and the factory of a listener."""

from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.web.http import HTTPChannel

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit import (
    Connection,
    DatagramLines,
    Datagrams,
    FrameProtocol,
    LineProtocol,
    Netstring,
    protocol_plugin,
)
from logsrv.kit._protocol_plugin.factory import protocols_of
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing._memory import parsed


class Lines(LineProtocol):
    max_line = 100


async def handle(connection: Connection) -> None:
    """Serve a peer."""


async def stream_handler(reader: Any, writer: Any) -> None:
    """Serve a peer as asyncio.start_server calls it."""


class Guests:
    """An author's object whose method serves a peer."""

    async def handle(self, connection: Connection, greeting: str = "Hello") -> None:
        """Serve a peer."""


def test_a_function_that_does_not_take_a_connection_alone_is_refused_at_the_start():
    with pytest.raises(StartError) as refused:
        MemoryService(stream_handler)
    assert str(refused.value) == (
        "plugin: stream_handler(reader: Any, writer: Any) -> None has to take one argument, the connection;"
        " it is the reader and the writer at once: `await connection.read_line()`, "
        "`connection.send_line(…)`"
    )
    nothing: Any = lambda: None  # noqa: E731
    with pytest.raises(ConfigurationError, match=r"the connection$"):
        protocols_of(nothing, None)
    for taken in (handle, Guests().handle, print, lambda *peers: None):
        protocols_of(taken, None)


def test_tls_is_refused_where_a_protocol_of_the_kit_is_served():
    assert protocols_of(Lines, None).refuses_tls
    assert not protocols_of(Protocol, None).refuses_tls


@pytest.mark.parametrize(
    ("base", "attribute", "value", "sentence"),
    [
        (FrameProtocol, "framing", object(), "to be an object with framer and pack, such as Netst"),
        (FrameProtocol, "framing", Netstring, "Wrong.framing is <class .*Netstring'>; it has"),
        (FrameProtocol, "max_frame", "1024", "Wrong.max_frame is '1024'; it has to be int or None"),
        (LineProtocol, "max_line", "9", "Wrong.max_line is '9'; it has to be int or None"),
        (LineProtocol, "delimiter", "\0", r"Wrong.delimiter is '\\x00'; it has to be bytes"),
        (LineProtocol, "errors", None, "Wrong.errors is None; it has to be str"),
        (LineProtocol, "telnet", "no", "Wrong.telnet is 'no'; it has to be bool"),
        (
            LineProtocol,
            "unfinished_line",
            "off",
            "Wrong.unfinished_line is 'off'; it has to be bool",
        ),
        (LineProtocol, "half_close", None, "Wrong.half_close is None; it has to be bool"),
        (LineProtocol, "patience", "5", "Wrong.patience is '5'; it has to be int or float"),
        (FrameProtocol, "patience", None, "Wrong.patience is None; it has to be int or float"),
        (FrameProtocol, "max_unsent", "1MiB", "Wrong.max_unsent is '1MiB'; it has to be int"),
        (
            Datagrams,
            "max_answers",
            "5",
            "Wrong.max_answers is '5'; it has to be int, float or None",
        ),
        (DatagramLines, "answer_burst", None, "Wrong.answer_burst is None; it has to be int"),
        (Datagrams, "lowest_port", "ntp", "Wrong.lowest_port is 'ntp'; it has to be int"),
        (DatagramLines, "ending", b"", "Wrong.ending is b''; it has to be str"),
        (LineProtocol, "encoding", None, "Wrong.encoding is None; it has to be str"),
        (LineProtocol, "ending", b"\n", r"Wrong.ending is b'\\n'; it has to be str"),
        (HTTPChannel, "a", 1, "Wrong needs the factory of twisted.web: give a Resource"),
    ],
)
def test_a_class_that_would_fail_with_its_first_peer_is_refused_at_the_start(
    base, attribute, value, sentence
):
    plugin = protocol_plugin("shout", type("Wrong", (base,), {attribute: value}))
    with pytest.raises(StartError, match=rf"^shout: .*{sentence}"):
        plugin.make_service_on(Clock(), parsed(plugin, ()))


@pytest.mark.parametrize(
    ("base", "attribute"),
    [
        (Datagrams, "errors"),
        (Datagrams, "ending"),
        (Datagrams, "patience"),
        (DatagramLines, "max_line"),
        (FrameProtocol, "errors"),
        (FrameProtocol, "telnet"),
        (FrameProtocol, "delimiter"),
        (LineProtocol, "lowest_port"),
    ],
)
def test_a_name_that_is_none_of_its_base_is_the_authors(base, attribute):
    assert protocols_of(type("Mine", (base,), {attribute: "anything"}), None)


def test_the_framing_of_a_class_may_depend_on_the_connection():
    class Framed(FrameProtocol):
        @property
        def framing(self) -> Any:  # type: ignore[override]
            return Netstring()

        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

    assert MemoryService(Framed).answer(b"1:a,") == b"1:a,"


@pytest.mark.parametrize(("stream", "datagrams"), [(int, None), ("text", None), (None, Lines)])
def test_objects_that_cannot_serve_are_refused(stream, datagrams):
    with pytest.raises(
        ConfigurationError, match=r"neither a Protocol class|no subclass of Datagrams"
    ):
        protocols_of(stream, datagrams)


def test_a_max_line_of_0_is_refused():
    class Settings:
        max_line = 0

    with pytest.raises(ConfigurationError, match="max_line is 0"):
        protocols_of(handle, None).line_format(Settings())


def test_using_the_service_in_a_constructor_is_explained():
    """The log says which peer it was, and from when on there is a service."""

    class Early(LineProtocol):
        def __init__(self) -> None:
            self.welcome = self.service.settings

    with capturedLogs() as events:
        MemoryService(Early).connect("192.0.2.1")
    [event] = [event for event in events if "log_failure" in event]
    assert "tcp:192.0.2.1:" in formatEvent(event)
    assert "from connection_made on" in str(event["log_failure"].value)


def test_a_datagram_plugin_refuses_a_listener_for_connections():
    with pytest.raises(ConfigurationError, match="takes datagrams only; use udp:PORT"):
        MemoryService(protocol_plugin("only", datagrams=DatagramLines))
