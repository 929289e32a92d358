"""The protocol's own words for a peer that is refused, or that has been idle."""

from typing import Any

import pytest

from logsrv.kit import FrameProtocol, LineProtocol, Netstring, RequestProtocol
from logsrv.kit.testing import MemoryService


class Imap(LineProtocol):
    @classmethod
    def refusal_words(cls, reason: str) -> str | None:
        return None if reason == "not_allowed" else f"* BYE {reason}"

    def idle_words(self) -> str:
        return "* BYE Autologout"


class Framed(FrameProtocol):
    framing = Netstring()

    @classmethod
    def refusal_words(cls, reason: str) -> bytes:
        return reason.encode()

    def idle_words(self) -> bytes:
        return b"idle"


class Requests(RequestProtocol):
    ending = "\n"
    encoding = "latin-1"

    @classmethod
    def refusal_words(cls, reason: str) -> str:
        return "421 zu viele Gäste"


@pytest.mark.parametrize(
    ("protocol", "arguments", "said"),
    [
        (Imap, ["--max-connections", "1"], b"* BYE max_connections\r\n"),
        (Imap, ["--max-connections-per-peer", "1"], b"* BYE max_connections_per_peer\r\n"),
        (Imap, ["--deny", "192.0.2.7"], b"* BYE denied\r\n"),
        (Imap, ["--max-connections", "1", "--tell-refused"], b"* BYE max_connections\r\n"),
        (Imap, ["--allow", "192.0.2.1"], b""),
        (Framed, ["--max-connections", "1"], b"15:max_connections,"),
        (Framed, ["--deny", "192.0.2.6/31"], b"6:denied,"),
        (Requests, ["--max-connections", "1"], "421 zu viele Gäste\n".encode("latin-1")),
        (LineProtocol, ["--max-connections", "1"], b""),
        (FrameProtocol, ["--max-connections", "1", "--tell-refused"], b""),
    ],
)
def test_a_refused_peer_gets_the_protocols_words(protocol, arguments, said):
    service = MemoryService(protocol, *arguments)
    service.connect("192.0.2.1" if "--deny" in arguments or "--allow" in arguments else "192.0.2.7")
    peer = service.connect("192.0.2.7")
    assert peer.received() == said
    assert peer.closed
    assert service.metric("connections_refused_total") == 1


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (Imap, b"* BYE Autologout\r\n"),
        (Framed, b"4:idle,"),
        (Requests, b""),
        (LineProtocol, b""),
    ],
)
def test_an_idle_peer_gets_the_protocols_words(protocol, said):
    service = MemoryService(protocol, "--idle-timeout", "1m")
    peer = service.connect()
    service.clock.advance(120)
    assert peer.received() == said
    assert peer.closed
    assert service.metric("connections_idle_total") == 1
    assert service.stop() == 0


def test_a_function_sets_its_words_for_an_idle_peer():
    async def handle(connection: Any) -> None:
        connection.idle_words = "421 Timeout"
        while await connection.read_line() is not None:
            pass

    service = MemoryService(handle, "--idle-timeout", "1m")
    peer = service.connect()
    service.clock.advance(120)
    assert (peer.received(), peer.closed) == (b"421 Timeout\r\n", True)


@pytest.mark.parametrize("words", [7, b"bytes", ["list"]])
def test_words_that_cannot_be_sent_close_the_connection_all_the_same(words):
    class Wrong(LineProtocol):
        @classmethod
        def refusal_words(cls, reason: str) -> Any:
            return words

        def idle_words(self) -> Any:
            return words

    service = MemoryService(Wrong, "--max-connections", "1", "--idle-timeout", "1m")
    first, second = service.connect(), service.connect()
    assert (second.received(), second.closed) == (b"", True)
    service.clock.advance(120)
    assert (first.received(), first.closed) == (b"", True)
    assert service.metric("connections_failed_total") == 2
