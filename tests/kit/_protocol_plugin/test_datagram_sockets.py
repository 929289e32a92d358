"""Sockets for datagrams that a plugin opens itself: a forwarder that asks another server."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol

from logsrv.errors import ConfigurationError
from logsrv.kit import DatagramLines, Datagrams, Sender
from tests.parts.reactor import logged, until

pytest_plugins = ["logsrv.kit.testing.fixtures"]

FAR = ("192.0.2.53", 53)


class Answers(Datagrams):
    """What the far server says goes to whoever asked last."""

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        self.service.state.answered(data)


class Forwarder:
    asks: Callable[[bytes], None]

    def __init__(self, service: Any) -> None:
        self.service = service
        self.far = FAR

    def start(self) -> None:
        self.upstream = self.service.datagrams("udp:0:interface=127.0.0.1", Answers)

    def answered(self, data: bytes) -> None:
        self.asks(data)


class Front(Datagrams):
    def datagram_received(self, data: bytes, peer: Sender) -> None:
        state = self.service.state
        state.asks = lambda answer: self.send(answer, peer)
        state.upstream.send(data, state.far)


def test_a_question_is_passed_on_and_its_answer_back(in_memory):
    service = in_memory(Front, state=Forwarder)
    far = service.sender(*FAR, to="udp:0:interface=127.0.0.1")
    asks = service.sender()
    asks.send(b"who is ada?")
    assert far.received() == [b"who is ada?"]
    far.send(b"192.0.2.1")
    assert asks.received() == [b"192.0.2.1"]
    assert service.metric("datagrams_total", listener="datagrams") == 1
    upstream = service.service.state.upstream
    assert service.stop() == 0
    assert upstream.closed
    upstream.send(b"too late", FAR)
    assert far.received() == []


def test_one_that_is_closed_takes_nothing_and_its_counts_stay(in_memory):
    service = in_memory(Front, state=Forwarder)
    far = service.sender(*FAR, to="udp:0:interface=127.0.0.1")
    service.service.state.asks = lambda data: None
    far.send(b"one")
    service.service.state.upstream.close()
    service.service.state.upstream.close()
    far.send(b"two")
    assert service.metric("datagrams_total", listener="datagrams") == 1


def test_it_is_not_subject_to_the_rules_for_peers(in_memory):
    """--allow is for those who ask, not for the server that is asked."""
    service = in_memory(Front, "--allow", "127.0.0.1", state=Forwarder)
    far = service.sender(*FAR, to="udp:0:interface=127.0.0.1")
    asks = service.sender()
    asks.send(b"question")
    far.send(b"answer")
    assert asks.received() == [b"answer"]


@pytest.mark.parametrize(
    ("endpoint", "protocol", "said"),
    [
        ("tcp:0", Answers, "datagrams takes udp:PORT or unixgram:PATH"),
        ("udp:x", Answers, "is no port"),
        ("udp:0", print, "takes connections only, no datagrams"),
    ],
)
def test_a_mistake_is_one_sentence(in_memory, endpoint, protocol, said):
    service = in_memory(Front)
    with pytest.raises(ConfigurationError, match=said):
        service.service.datagrams(endpoint, protocol)


@pytest.mark.parametrize(
    "address",
    [
        ("localhost", 53),
        ("192.0.2.53", 0),
        ("192.0.2.53", 99999),
        ("192.0.2.53", "53"),
        "path",
        None,
    ],
)
def test_a_name_or_an_impossible_port_is_refused_in_a_sentence(in_memory, address):
    opened = in_memory(Front).service.datagrams("udp:0", Answers)
    with pytest.raises(
        ValueError, match=r"^send takes an IP address and a port .*, not "
    ) as raised:
        opened.send(b"question", address)
    assert repr(address) in str(raised.value)


class Plain(DatagramProtocol):
    def __init__(self) -> None:
        self.came: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.came.append(datagram)


class Lines(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None: ...


async def test_a_real_socket_sends_receives_and_is_closed(serving):
    async with serving(Lines) as running:
        opened = running.service.datagrams("udp:0:interface=127.0.0.1", Plain)
        host, _, port = opened.address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.sendto(b"hello", (host, int(port)))
            await until(lambda: opened.protocol.came == [b"hello"], "the datagram")
            opened.send(b"answer", other.getsockname())
            assert other.recv(100) == b"answer"
        kept = running.service.datagrams("udp:0:interface=127.0.0.1", Plain)
        opened.close()
    assert opened.closed and kept.closed


async def test_one_that_the_system_refuses_is_counted_and_logged_once(serving):
    async with serving(Lines) as running:
        opened = running.service.datagrams("udp:0:interface=127.0.0.1", Plain)
        said = f"the system sends nothing from {opened.address} to udp:[::1]:53"
        with logged() as messages:
            for port in (53, 54):
                opened.send(b"of another family", ("::1", port))
        unsent = running.service.metrics.value("datagrams_unsent_total", listener="datagrams")
    assert unsent == 2
    assert [said in message for message in messages] == [True]


def test_none_is_opened_after_the_stop(in_memory):
    """Nothing would close it."""
    service = in_memory(Front)
    service.stop()
    with pytest.raises(RuntimeError, match=r"^udp:0 cannot be used: the service has stopped$"):
        service.service.datagrams("udp:0", Answers)


@pytest.mark.parametrize("plain", [False, True])
async def test_an_address_of_the_other_kind_is_refused_in_a_sentence(serving, tmp_path, plain):
    def send(opened: Any, address: Any) -> None:
        if plain:
            opened.protocol.transport.write(b"hello", address)
        else:
            opened.send(b"hello", address if isinstance(address, tuple) else address.encode())

    async with serving(Lines) as running:
        udp = running.service.datagrams("udp:0:interface=127.0.0.1", Plain)
        local = running.service.datagrams(f"unixgram:{tmp_path}/mine", Plain)
        await until(lambda: local.protocol.transport is not None, "the start of the protocols")
        with pytest.raises(
            ValueError, match=r"^this socket sends to IP addresses, not to unix:/far$"
        ):
            send(udp, "/far")
        with pytest.raises(
            ValueError, match=r"^this socket sends to paths, not to udp:127\.0\.0\.1:9$"
        ):
            send(local, ("127.0.0.1", 9))
