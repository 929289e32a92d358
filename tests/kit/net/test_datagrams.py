"""A datagram listener over real sockets: what arrives, from whom; what is refused, lost and drained."""

import contextlib
import os
import socket
from ipaddress import ip_network
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from logsrv.kit.connections import _senders as senders
from logsrv.kit.connections._senders import GuardedSenders, sender_at
from logsrv.kit.connections.guard import GuardPolicy, PeerLimits
from logsrv.kit.net import datagrams
from logsrv.kit.net._kernel_datagrams import RecvmmsgReader
from logsrv.kit.net.bind import ListenError, listening_address_of
from logsrv.kit.net.datagrams import DatagramListener, split_group
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics
from tests.parts.listening import NotingReceiver, port_of
from tests.parts.reactor import REACTOR, logged, until

UDP = "udp:0:interface=127.0.0.1"


def client_of(listener: Any) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port_of(listener)))
    return client


async def test_datagrams_arrive_with_the_name_of_their_sender(site):
    listener = site.start(UDP)
    with client_of(listener) as first, client_of(listener) as second:
        for number in range(50):
            first.send(b"a%d" % number)
            second.send(b"b%d" % number)
        await until(lambda: len(site.receiver.payloads) == 100, "the datagrams")
        assert site.receiver.by_sender() == {
            f"udp:127.0.0.1:{first.getsockname()[1]}": [b"a%d" % n for n in range(50)],
            f"udp:127.0.0.1:{second.getsockname()[1]}": [b"b%d" % n for n in range(50)],
        }
    assert site.value("datagrams_total") == 100


async def test_a_start_that_fails_leaves_what_waits_to_the_next_process(site):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given:
        given.bind(("127.0.0.1", 0))
        endpoint = parse_endpoint(f"udp:{given.getsockname()[1]}:interface=127.0.0.1")
        place = listening_address_of(endpoint)
        assert place is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"waits", given.getsockname())
        kept = KeptSockets([(os.dup(given.fileno()), place.name)], lambda *_: None)
        listener = DatagramListener(
            endpoint,
            site.receiver,
            label="test",
            policy=GuardPolicy(),
            reactor=REACTOR,
            metrics=site.metrics,
            kept=kept,
        )
        listener.bind()
        kept.leaving = True
        assert await listener.drain(0) == 0
        assert site.receiver.payloads == []
        given.setblocking(False)
        assert given.recv(100) == b"waits"


async def test_while_paused_nothing_is_read_and_what_the_kernel_drops_is_counted(site):
    listener = site.start(f"{UDP}:rcvbuf=4KiB")
    listener.pauseProducing()
    with client_of(listener) as client, logged() as messages:
        for _ in range(200):
            client.send(b"x" * 100)
        await deferLater(REACTOR, 0.05)
        assert site.receiver.payloads == []
        await until(lambda: site.value("datagrams_lost_total") > 0, "the loss to be seen")
        listener.resumeProducing()
        await until(lambda: site.receiver.payloads, "the datagrams that were kept")
        assert await listener.drain(5) == 0
    lost = site.value("datagrams_lost_total")
    assert len(site.receiver.payloads) + lost == 200
    assert any("the kernel dropped" in message for message in messages)


async def test_a_listener_that_opens_while_the_store_is_behind_waits_without_work(site):
    """The kernel has the datagrams: a reactor that watched the socket would find it readable each turn."""
    listener = site.make(UDP)
    listener.pauseProducing()
    site.run(listener)
    with client_of(listener) as client:
        client.send(b"x")
        assert listener not in REACTOR.getReaders()
        listener.resumeProducing()
        await until(lambda: site.receiver.payloads, "the datagram")


async def test_a_stop_takes_in_what_has_arrived(site):
    listener = site.start(UDP)
    with client_of(listener) as client:
        for number in range(1000):
            client.send(b"%d" % number)
        assert await listener.drain(5) == 0
    assert site.receiver.payloads == [b"%d" % number for number in range(1000)]
    assert listener.address == ""


async def test_what_comes_while_a_stop_takes_in_the_last_is_not_counted_as_lost(site, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

        class Late(RecvmmsgReader):
            def read(self) -> Any:
                groups, more = super().read()
                if not groups and not site.receiver.groups:
                    client.sendto(b"late", ("127.0.0.1", port_of(listener)))
                return groups, more

        monkeypatch.setattr(datagrams, "RecvmmsgReader", Late)
        listener = site.start(UDP)
        assert await listener.drain(5) == 0
    assert site.receiver.payloads == [b"late"]
    assert site.value("datagrams_lost_total") == 0


async def test_what_there_was_no_time_for_is_counted_as_lost(site):
    listener = site.start(UDP)
    listener.pauseProducing()
    with client_of(listener) as client:
        for _ in range(100):
            client.send(b"x")
        assert await listener.drain(0.05) == 1
    assert site.receiver.payloads == []
    assert site.value("datagrams_lost_total") == 100


async def test_a_store_that_closes_its_valve_gets_no_more_than_the_group_at_hand(site):
    site.receiver = NotingReceiver(lambda: listener.pauseProducing())
    listener = site.start(UDP)
    with client_of(listener) as client:
        for _ in range(1000):
            client.send(b"x")
        await until(lambda: site.receiver.payloads, "the first group")
        await deferLater(REACTOR, 0.02)
        assert len(site.receiver.payloads) <= 64
        listener.resumeProducing()
        await until(lambda: len(site.receiver.groups) > 1, "the next group")


@pytest.mark.slow
async def test_what_was_received_when_the_valve_closed_is_delivered_when_it_opens(site, tmp_path):
    """One group for each opening, none of them lost, all in order; a stop waits for them."""
    site.receiver = NotingReceiver(lambda: listener.pauseProducing())
    listener = site.start(f"unixgram:{tmp_path}/log")
    path = str(tmp_path / "log")
    listener.pauseProducing()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second,
    ):
        first.bind(str(tmp_path / "first"))
        second.bind(str(tmp_path / "second"))
        for number in range(4):
            (first, second)[number % 2].sendto(b"%d" % number, path)
        listener.resumeProducing()
        await until(lambda: site.receiver.payloads, "the first group")
        assert site.receiver.payloads == [b"0"]
        listener.resumeProducing()
        # Others are heard first: what is kept may close the valve again.
        assert site.receiver.payloads == [b"0"]
        await until(lambda: site.receiver.payloads == [b"0", b"1"], "the second group")
        ended = Deferred.fromCoroutine(listener.drain(5))
        listener.resumeProducing()
        await deferLater(REACTOR, 0.02)
        assert site.receiver.payloads == [b"0", b"1", b"2"]
        listener.resumeProducing()
        assert await ended == 0
    assert site.receiver.payloads == [b"0", b"1", b"2", b"3"]
    assert site.value("datagrams_lost_total") == 0


async def test_what_takes_long_lets_others_have_their_turn(site, tmp_path, monkeypatch):
    """A group in each turn, all of them in order, although nothing more comes behind them."""
    monkeypatch.setattr(datagrams, "SLICE", 0)
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        if len(at) < 4:
            REACTOR.callFromThread(count)

    at: list[int] = []
    site.receiver = NotingReceiver(lambda: at.append(turns))
    listener = site.start(f"unixgram:{tmp_path}/log")
    listener.pauseProducing()
    with contextlib.ExitStack() as stack:
        for number in range(4):
            sender = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            sender.bind(str(tmp_path / str(number)))
            sender.sendto(b"%d" % number, str(tmp_path / "log"))
        count()
        listener.resumeProducing()
        await until(lambda: len(at) == 4, "all groups")
    assert len(set(at)) > 2
    assert site.receiver.payloads == [b"0", b"1", b"2", b"3"]


async def test_what_was_received_and_not_delivered_until_the_end_is_counted_as_lost(site, tmp_path):
    site.receiver = NotingReceiver(lambda: listener.pauseProducing())
    listener = site.start(f"unixgram:{tmp_path}/log")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second,
    ):
        first.bind(str(tmp_path / "first"))
        listener.pauseProducing()
        first.sendto(b"taken", str(tmp_path / "log"))
        second.sendto(b"received", str(tmp_path / "log"))
        listener.resumeProducing()
        await until(lambda: site.receiver.payloads, "the first group")
        assert await listener.drain(0.02) == 1
    assert site.receiver.payloads == [b"taken"]
    assert site.value("datagrams_lost_total") == 1


def test_a_large_group_is_delivered_in_portions():
    """So that a receiver that pauses us gets no more than a portion after it."""
    payloads = [b"x" * 60_000] * 9 + [b"y" * 300_000] + [b"z"] * 3
    parts = split_group((payloads, "key"))
    assert [payload for part, _ in parts for payload in part] == payloads
    assert {key for _, key in parts} == {"key"}
    assert [len(part) for part, _ in parts] == [4, 4, 1, 1, 3]
    small = ([b"x"] * 64, "key")
    assert list(split_group(small)) == [small]
    assert [len(part) for part, _ in split_group((payloads[:3], "key"), 64 << 10)] == [1, 1, 1]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
async def test_an_input_that_fails_is_logged_once_and_the_next_datagrams_are_taken(site, error):
    def fail() -> None:
        if site.receiver.payloads[-1] != b"good":
            raise error("in the input")

    site.receiver = NotingReceiver(fail)
    listener = site.start(UDP)
    with client_of(listener) as client, logged() as messages:
        for payload in (b"first", b"other", b"good"):
            client.send(payload)
            await until(lambda: site.receiver.payloads[-1:] == [payload], "each")  # noqa: B023
    assert sum("test: taking in datagrams failed for udp:" in message for message in messages) == 1
    assert site.value("dropped_bytes_total", reason="failed") == 10


async def test_programs_that_log_to_a_unix_socket_are_heard(site, tmp_path):
    path = tmp_path / "log"
    listener = site.start(f"unixgram:{path}")
    assert listener.address == str(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"unbound", str(path))
        # The kernel tells the name that a sender has when we read.
        await until(lambda: site.receiver.payloads, "the first datagram")
        client.bind(str(tmp_path / "app"))
        client.sendto(b"bound", str(path))
        await until(lambda: len(site.receiver.payloads) == 2, "the datagrams")
    who = f"unix:uid={os.getuid()},pid={os.getpid()}"
    assert site.receiver.groups == [([b"unbound"], who), ([b"bound"], f"{who},{tmp_path}/app")]
    with pytest.raises(ListenError, match="another program listens"):
        site.start(f"unixgram:{path}")
    await listener.drain(0)
    assert not path.exists()


async def test_a_unix_socket_that_is_not_to_tell_who_sends_tells_paths(site, tmp_path):
    """For floods of several programs: their lines come in fewer, larger groups."""
    listener = site.start(f"unixgram:{tmp_path}/log:credentials=off")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"unbound", f"{tmp_path}/log")
        await until(lambda: site.receiver.payloads, "the datagram")
    assert site.receiver.groups == [([b"unbound"], "unix:")]
    await listener.drain(0)


async def test_what_is_cut_off_a_giant_datagram_is_counted_while_we_run_and_after(site, tmp_path):
    listener = site.start(f"unixgram:{tmp_path}/log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.sendto(b"x" * 66000, f"{tmp_path}/log")
        await until(lambda: site.receiver.payloads, "the datagram")
    dropped = site.value("dropped_bytes_total", reason="datagram_too_long")
    assert dropped > 0
    await listener.drain(1)
    assert site.value("dropped_bytes_total", reason="datagram_too_long") == dropped


async def test_stopping_what_never_started_is_no_error(site):
    listener = site.make(UDP)
    assert await listener.drain(1) == 0
    await listener.drain(0)


@attrs.frozen(kw_only=True, slots=False)
class Policy(PeerLimits, GuardPolicy):
    """The rules of a listener that reads lines."""


class Asked:
    """Senders by their addresses; `keys`: those that were asked for."""

    def __init__(self, **policy: Any) -> None:
        self.metrics = Metrics()
        self.senders = GuardedSenders("in", Policy(**policy), Clock().seconds, self.metrics)
        self.keys: list[Any] = []

    def address(self, key: Any) -> Any:
        self.keys.append(key)
        return key

    def taken(self, address: Any, *payloads: bytes) -> list[bytes]:
        sender = self.senders.known_sender(address, self.address)
        return list(self.senders.admit_datagrams(sender, payloads))


def test_an_address_is_made_a_name_once():
    asked = Asked()
    first = asked.senders.known_sender(("10.0.0.1", 5), asked.address)
    assert asked.senders.known_sender(("10.0.0.1", 5), asked.address) is first
    assert asked.keys == [("10.0.0.1", 5)]


def test_only_a_limited_number_of_senders_is_remembered(monkeypatch):
    monkeypatch.setattr(senders, "REMEMBERED_SENDERS", 2)
    asked = Asked()
    for port in (1, 2, 3, 1):
        asked.senders.known_sender(("10.0.0.1", port), asked.address)
    assert len(asked.keys) == 4


def test_a_denied_network_is_counted_and_logged_until_the_rules_change():
    asked = Asked(deny=(ip_network("10.0.0.0/8"),))
    with logged() as messages:
        assert asked.taken(("10.0.0.1", 5), b"a", b"b") == []
        assert asked.taken(("192.0.2.1", 5), b"c") == [b"c"]
    assert "in refused 10.0.0.1: its network is denied" in messages
    assert asked.metrics.value("datagrams_refused_total") == 2
    asked.senders.apply(Policy())
    assert asked.taken(("10.0.0.1", 5), b"a") == [b"a"]


def test_datagrams_above_a_rate_are_dropped_and_counted():
    asked = Asked(peer_lines=2)
    with logged() as messages:
        assert asked.taken(("10.0.0.1", 5), b"a", b"b", b"c") == [b"a", b"b"]
        # The limit is of the address, whatever the port.
        assert asked.taken(("10.0.0.1", 6), b"d") == []
    assert "in drops datagrams of 10.0.0.1, which sends more than its limits allow" in messages
    assert asked.metrics.value("datagrams_limited_total") == 2


def test_the_name_of_a_sender_tells_the_interface_of_a_link_local_address():
    index, name = socket.if_nameindex()[0]
    assert sender_at(("fe80::1", 5, 0, index)).source == f"udp:[fe80::1%{name}]:5"
    assert sender_at(("fe80::1", 5, 0, 99999)).source == "udp:[fe80::1%99999]:5"
    assert sender_at(("::ffff:10.0.0.1", 5, 0, 0)).host == "10.0.0.1"
    assert sender_at(os.fsencode("/x y")).source == "unix:/x\\x20y"
