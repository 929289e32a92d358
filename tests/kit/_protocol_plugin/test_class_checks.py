"""Names that the kit would never call or read: refused at the start, with the right one."""

from functools import partial, wraps
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit import (
    DatagramLines,
    Datagrams,
    FrameProtocol,
    LineProtocol,
    RequestProtocol,
)
from logsrv.kit._protocol_plugin.factory import protocols_of
from logsrv.kit.testing import MemoryService


def anything(self: Any, *arguments: Any) -> Any:
    return None


def class_of(base: type[Any], *names: str, **attributes: Any) -> Any:
    inside = {"__module__": "shout", **dict.fromkeys(names, anything), **attributes}
    return type("Mine", (base,), inside)


def served(protocol: Any) -> None:
    protocols_of(protocol, None)


@pytest.mark.parametrize(
    ("base", "name", "meant"),
    [
        (LineProtocol, "connectionMade", "connection_made"),
        (LineProtocol, "connectionLost", "connection_lost"),
        (LineProtocol, "dataReceived", "line_received"),
        (LineProtocol, "makeConnection", "connection_made"),
        (LineProtocol, "lineReceived", "line_received"),
        (LineProtocol, "rawDataReceived", "line_received"),
        (LineProtocol, "lineLengthExceeded", "line_too_long"),
        (LineProtocol, "line_recieved", "line_received"),
        (LineProtocol, "line_recived", "line_received"),
        (LineProtocol, "line_receive", "line_received"),
        (LineProtocol, "lines_received", "line_received"),
        (LineProtocol, "linereceived", "line_received"),
        (LineProtocol, "lineRecieved", "line_received"),
        (LineProtocol, "conectionMade", "connection_made"),
        (FrameProtocol, "frameRecieved", "frame_received"),
        (LineProtocol, "frame_received", "line_received"),
        (LineProtocol, "data_received", "line_received"),
        (LineProtocol, "conection_made", "connection_made"),
        (LineProtocol, "connectionmade", "connection_made"),
        (LineProtocol, "connection_lots", "connection_lost"),
        (LineProtocol, "line_to_long", "line_too_long"),
        (RequestProtocol, "requestReceived", "request_received"),
        (RequestProtocol, "request_recieved", "request_received"),
        (RequestProtocol, "connectionMade", "connection_made"),
        (FrameProtocol, "stringReceived", "frame_received"),
        (FrameProtocol, "frame_recieved", "frame_received"),
        (FrameProtocol, "lengthLimitExceeded", "frame_refused"),
        (FrameProtocol, "dataReceived", "frame_received"),
        (FrameProtocol, "line_received", "frame_received"),
        (Datagrams, "datagramReceived", "datagram_received"),
        (Datagrams, "datagram_recieved", "datagram_received"),
        (Datagrams, "datagrams_received", "datagram_received"),
        (Datagrams, "startProtocol", "begin"),
        (DatagramLines, "lineReceived", "line_received"),
        (DatagramLines, "line_recieved", "line_received"),
    ],
)
def test_a_method_that_is_never_called_is_refused_with_the_right_name(base, name, meant):
    with pytest.raises(ConfigurationError, match=rf"Mine\.{name} .*did you mean {meant}\?"):
        served(class_of(base, name))


@pytest.mark.parametrize(
    ("base", "names"),
    [
        (LineProtocol, ("line_received", "lines_received")),
        (LineProtocol, ("line_received", "line_receiver")),
        (LineProtocol, ("line_received", "lineReceived")),
        (LineProtocol, ("line_received", "connection_mode")),
        (LineProtocol, ("line_received", "connection_list")),
        (LineProtocol, ("line_received", "line_too_short")),
        (LineProtocol, ("connection_made",)),
        (LineProtocol, ("line_received", "line_not_next")),
        (LineProtocol, ("line_received", "sendLine")),
        (LineProtocol, ("line_received", "handle_line", "do_line", "on_line", "send")),
        (RequestProtocol, ("line_received",)),
        (RequestProtocol, ("request_received", "request_receiver")),
        (FrameProtocol, ("frame_received", "frames_received")),
        (FrameProtocol, ("frame_received", "frame_reviewed")),
        (Datagrams, ("datagram_received", "datagram_receiver")),
        (DatagramLines, ("lines_received",)),
        (DatagramLines, ("datagram_received",)),
    ],
)
def test_methods_of_the_authors_own_are_not_refused(base, names):
    served(class_of(base, *names))


def test_a_near_name_that_the_author_calls_is_a_helper():
    class Helped(LineProtocol):
        def connection_made(self) -> None:
            self.line_receive("hello")

        def line_receive(self, line: str) -> None:
            self.send_line(line)

    assert MemoryService(Helped).connect().received() == b"hello\r\n"


def in_a_comprehension(self: Any, line: str = "") -> list[str]:
    return [word for word in line.split() if len(word) < self.max_lines]


@wraps(in_a_comprehension)
def decorated(*arguments: Any) -> list[str]:
    return in_a_comprehension(*arguments)


@pytest.mark.parametrize(
    "using",
    [in_a_comprehension, decorated, property(in_a_comprehension), classmethod(in_a_comprehension)],
)
def test_a_near_name_that_the_author_reads_anywhere_in_the_class_is_the_authors(using):
    served(class_of(LineProtocol, max_lines=10, using=using))


def test_a_method_of_a_mixin_counts_as_the_authors():
    class Mixin:
        def connectionMade(self) -> None:
            pass

    class Before(Mixin, LineProtocol):
        pass

    class Behind(LineProtocol, Mixin):
        pass

    with pytest.raises(ConfigurationError, match="did you mean connection_made"):
        served(Before)
    served(Behind)


@pytest.mark.parametrize(
    ("base", "name", "meant"),
    [
        (LineProtocol, "delimeter", None),
        (LineProtocol, "delimiters", "delimiter"),
        (LineProtocol, "delimter", "delimiter"),
        (LineProtocol, "max_lien", "max_line"),
        (LineProtocol, "maxLine", "max_line"),
        (LineProtocol, "MAX_LENGTH", "max_line"),
        (RequestProtocol, "MAX_LENGTH", "max_line"),
        (FrameProtocol, "MAX_LENGTH", "max_frame"),
        (Datagrams, "MAX_LENGTH", None),
        (LineProtocol, "unfinshed_line", "unfinished_line"),
        (RequestProtocol, "error_anwser", "error_answer"),
        (FrameProtocol, "max_farme", "max_frame"),
        (FrameProtocol, "framming", "framing"),
        (Datagrams, "max_answer", "max_answers"),
        (DatagramLines, "lowestport", "lowest_port"),
        (LineProtocol, "greeting", None),
        (LineProtocol, "endings", None),
        (LineProtocol, "error", None),
    ],
)
def test_an_attribute_that_nobody_reads_is_refused_too(base, name, meant):
    mine = class_of(base, **{name: 7})
    if meant is None:
        served(mine)
        return
    with pytest.raises(ConfigurationError, match=rf"Mine\.{name} .*did you mean {meant}\?"):
        served(mine)


@pytest.mark.parametrize(
    ("base", "name", "value", "sentence"),
    [
        (LineProtocol, "idle_words", "421 bye", "is '421 bye'; it has to be a method"),
        (LineProtocol, "refusal_words", "421 busy", "is '421 busy'; it has to be a method"),
        (LineProtocol, "refusal_words", None, "is None; it has to be a method"),
        (LineProtocol, "line_received", 5, "is 5; it has to be a method"),
        (LineProtocol, "connection_made", {}, "is {}; it has to be a method"),
        (LineProtocol, "line_too_long", 500, "is 500; it has to be a method"),
        (RequestProtocol, "request_received", "ok", "is 'ok'; it has to be a method"),
        (FrameProtocol, "frame_refused", b"no", "is b'no'; it has to be a method"),
        (DatagramLines, "lines_received", (), r"is \(\); it has to be a method"),
        (Datagrams, "datagram_received", True, "is True; it has to be a method"),
        (LineProtocol, "refusal_words", anything, "has to be a @classmethod"),
        (RequestProtocol, "refusal_words", anything, "has to be a @classmethod"),
        (FrameProtocol, "refusal_words", anything, "has to be a @classmethod"),
    ],
)
def test_a_method_that_could_not_be_called_is_refused(base, name, value, sentence):
    with pytest.raises(ConfigurationError, match=rf"Mine\.{name} {sentence}"):
        served(class_of(base, **{name: value}))


@pytest.mark.parametrize(
    ("base", "name", "value"),
    [
        (LineProtocol, "peer", None),
        (FrameProtocol, "service", 5),
        (LineProtocol, "close", False),
        (RequestProtocol, "later", []),
        (Datagrams, "send", ""),
    ],
)
def test_a_value_that_would_hide_a_name_of_the_kit_is_refused(base, name, value):
    """`peer = None` for a state of one's own would be the peer's name in the log."""
    with pytest.raises(
        ConfigurationError, match=rf"Mine\.{name} is .*, and would hide {name} of the"
    ):
        served(class_of(base, **{name: value}))


def test_code_may_override_what_the_kit_has_and_a_test_may_give_a_certificate():
    served(class_of(LineProtocol, close=anything, peer=property(anything), certificate=5))


@pytest.mark.parametrize("base", [Datagrams, DatagramLines])
def test_a_class_for_datagrams_may_call_something_of_its_own_framing(base):
    served(class_of(base, framing="cobs"))


@pytest.mark.parametrize(
    "value", [classmethod(anything), staticmethod(anything), partial(anything)]
)
def test_words_for_refused_peers_may_come_without_a_connection(value):
    served(class_of(LineProtocol, refusal_words=value))


def test_a_service_with_such_a_class_does_not_start():
    with pytest.raises((ConfigurationError, SystemExit), match="did you mean line_received"):
        MemoryService(class_of(LineProtocol, "line_recieved"))
    service = MemoryService(class_of(LineProtocol, "line_received"))
    with pytest.raises(ConfigurationError, match="did you mean datagram_received"):
        service.service.datagrams("udp:0", class_of(Datagrams, "datagramReceived"))
    with pytest.raises(ConfigurationError, match="did you mean connection_made"):
        service.service.connect("tcp:localhost:1", class_of(LineProtocol, "connectionMade"))


def test_a_protocol_of_frames_cannot_tell_errors_in_text():
    with pytest.raises(
        ConfigurationError, match=r"^Mine\.tell_errors is True, and a sentence is no"
    ):
        served(class_of(FrameProtocol, "frame_received", tell_errors=True))
    served(class_of(FrameProtocol, "frame_received", tell_errors=False))
