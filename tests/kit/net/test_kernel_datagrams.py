"""Datagrams come out as they were sent, by both ways to read; those that the kernel dropped are counted."""

import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from twisted.internet.task import Clock

from logsrv.kit.connections.source import SO_PASSCRED, UnixSender
from logsrv.kit.net._kernel_datagrams import (
    MEMINFO,
    SLOT_SIZE,
    SLOTS,
    SOL_UDP,
    DatagramReader,
    KernelDropWatch,
    RecvmmsgReader,
    RecvmsgReader,
)
from tests.parts.reactor import logged

# linux/udp.h
UDP_SEGMENT = 103

Way: TypeAlias = Callable[[socket.socket], DatagramReader]
WAYS = [
    pytest.param(
        RecvmmsgReader,
        marks=pytest.mark.skipif(not RecvmmsgReader.available, reason="there is no recvmmsg here"),
    ),
    pytest.param(RecvmsgReader),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setblocking(False)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind(("127.0.0.1", 0))
        yield receiver


def sender(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM)


def everything(receive: DatagramReader) -> list[tuple[object, bytes]]:
    """All that waits: the sender and the payload of each datagram."""
    found: list[tuple[object, bytes]] = []
    more = True
    while more:
        groups, more = receive.read()
        for payloads, key in groups:
            address = receive.address(key)
            found += [(address, bytes(payload)) for payload in payloads]
    return found


def test_a_read_without_datagrams_returns_nothing(udp, way):
    assert way(udp).read() == ([], False)


def test_one_sender_s_datagrams_are_one_group_in_order(udp, way):
    receive = way(udp)
    sent = [b"%d" % number * (number % 50) for number in range(30)]
    with sender() as client:
        for payload in sent:
            client.sendto(payload, udp.getsockname())
        groups, more = receive.read()
        assert [list(payloads) for payloads, _ in groups] == [sent]
        assert receive.address(groups[0][1]) == ("127.0.0.1", client.getsockname()[1])
    assert not more


@pytest.mark.parametrize(
    "asks",
    [
        pytest.param(False, id="without credentials"),
        pytest.param(
            True,
            id="beside credentials",
            marks=pytest.mark.skipif(
                SO_PASSCRED is None, reason="this system does not tell who sends"
            ),
        ),
    ],
)
def test_descriptors_that_a_sender_hands_over_are_not_kept(tmp_path, way, asks):
    """Else anybody on this machine could use up all that the service may open."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
        sender(socket.AF_UNIX) as client,
    ):
        receiver.setblocking(False)
        receiver.bind(str(tmp_path / "socket"))
        if asks:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        receive = way(receiver)
        client.connect(str(tmp_path / "socket"))
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(3):
            socket.send_fds(client, [b"with some"], [client.fileno()] * 9)
        assert [payload for _, payload in everything(receive)] == [b"with some"] * 3
        # What other tests have left may be closed meanwhile.
        assert set(os.listdir("/proc/self/fd")) <= before


def test_many_senders_interleaved_keep_their_order_and_their_names(udp, way):
    receive = way(udp)
    clients = [sender() for _ in range(7)]
    sent = []
    for number in range(300):
        client = clients[number * number % 7]
        client.sendto(b"%d" % number, udp.getsockname())
        sent.append((("127.0.0.1", client.getsockname()[1]), b"%d" % number))
    assert everything(receive) == sent
    for client in clients:
        client.close()


def test_there_may_be_more_after_a_full_read(udp, way):
    receive = way(udp)
    with sender() as client:
        for _ in range(SLOTS + 1):
            client.sendto(b"x", udp.getsockname())
        groups, more = receive.read()
        assert (sum(len(payloads) for payloads, _ in groups), more) == (SLOTS, True)
        groups, more = receive.read()
        assert (sum(len(payloads) for payloads, _ in groups), more) == (1, False)


def test_the_largest_and_the_empty_datagram_are_whole(udp, way):
    receive = way(udp)
    largest = bytes(range(256)) * 255
    with sender() as client:
        for payload in (largest, b"", b"x"):
            client.sendto(payload, udp.getsockname())
    assert [payload for _, payload in everything(receive)] == [largest, b"", b"x"]
    assert receive.cut_bytes == 0


def test_ipv6_senders_have_their_address(way):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with sender(socket.AF_INET6) as receiver, sender(socket.AF_INET6) as client:
        receiver.setblocking(False)
        receiver.bind(("::1", 0))
        receive = way(receiver)
        client.sendto(b"x", receiver.getsockname())
        client.sendto(b"y", receiver.getsockname())
        found = everything(receive)
        assert found == [
            (("::1", client.getsockname()[1], 0, 0), payload) for payload in (b"x", b"y")
        ]


def test_unix_senders_have_their_path_and_a_longer_one_leaves_nothing_behind(
    tmp_path, way, monkeypatch
):
    # A path of a socket has at most 107 bytes.
    monkeypatch.chdir(tmp_path)
    with sender(socket.AF_UNIX) as receiver:
        receiver.setblocking(False)
        receiver.bind("log")
        receive = way(receiver)
        for _ in range(2):
            for name in ("a-rather-long-name", "b", ""):
                with sender(socket.AF_UNIX) as client:
                    if name:
                        client.bind(name)
                    client.sendto(name.encode(), "log")
                if name:
                    (tmp_path / name).unlink()
        expected = [(name.encode(),) * 2 for name in ("a-rather-long-name", "b", "")]
        assert everything(receive) == expected * 2


@pytest.mark.skipif(SO_PASSCRED is None, reason="this system does not tell who sends")
def test_the_kernel_tells_who_sends_to_a_unix_socket(tmp_path, way, monkeypatch):
    """Of each datagram, also if a process with a path of its own sends between others."""
    monkeypatch.chdir(tmp_path)
    own = f"uid={os.getuid()},pid={os.getpid()}"
    with sender(socket.AF_UNIX) as receiver, sender(socket.AF_UNIX) as client:
        receiver.setblocking(False)
        receiver.bind("log")
        client.sendto(b"before", "log")
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        receive = way(receiver)
        client.sendto(b"1", "log")
        client.sendto(b"2", "log")
        other = os.fork()
        if not other:
            with sender(socket.AF_UNIX) as bound:
                bound.bind("app")
                bound.sendto(b"3", "log")
                os._exit(0)
        os.waitpid(other, 0)
        client.sendto(b"4", "log")
        found = everything(receive)
        # A long name and nothing else leave nothing behind.
        client.sendto(b"5", "log")
        found += everything(receive)
    ours = UnixSender(b"", own)
    told = found[3][0]
    # The kernel may know the name no more when we read.
    path = told.path if isinstance(told, UnixSender) else b""
    assert found == [
        (UnixSender(b"", ""), b"before"),
        (ours, b"1"),
        (ours, b"2"),
        (UnixSender(path, f"uid={os.getuid()},pid={other}"), b"3"),
        (ours, b"4"),
        (ours, b"5"),
    ]


def test_what_is_cut_off_a_giant_datagram_is_counted(tmp_path, way):
    giant = b"x" * (SLOT_SIZE + 1000)
    with sender(socket.AF_UNIX) as receiver, sender(socket.AF_UNIX) as client:
        receiver.setblocking(False)
        receiver.bind(str(tmp_path / "log"))
        receive = way(receiver)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.sendto(giant, str(tmp_path / "log"))
        client.sendto(b"next", str(tmp_path / "log"))
        assert [payload for _, payload in everything(receive)] == [giant[:SLOT_SIZE], b"next"]
    # The portable way is not told how much it was.
    assert receive.cut_bytes == (1000 if isinstance(receive, RecvmmsgReader) else 1)


@pytest.mark.parametrize(
    ("size", "total"), [(100, 6400), (100, 6350), (1400, 1400 * 40 + 1), (7, 8)]
)
def test_a_burst_is_cut_into_the_datagrams_that_were_sent(udp, way, size, total):
    receive = way(udp)
    burst = bytes(number % 251 for number in range(total))
    with sender() as client:
        try:
            client.setsockopt(SOL_UDP, UDP_SEGMENT, size)
            client.sendto(burst, udp.getsockname())
        except OSError as error:
            pytest.skip(f"no UDP_SEGMENT here: {error}")
        client.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
        client.sendto(b"single", udp.getsockname())
        client.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        client.sendto(burst, udp.getsockname())
    cut = [burst[at : at + size] for at in range(0, total, size)]
    assert [payload for _, payload in everything(receive)] == [*cut, b"single", *cut]


def test_a_burst_after_single_datagrams_is_cut_all_the_same(udp, way):
    """The kernel writes the length of what it told over the room there is for it, in each slot."""
    receive = way(udp)
    with sender() as client:
        for _ in range(2):
            client.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
            client.sendto(b"single", udp.getsockname())
            assert [payload for _, payload in everything(receive)] == [b"single"]
            client.setsockopt(SOL_UDP, UDP_SEGMENT, 3)
            client.sendto(b"abcdefgh", udp.getsockname())
            assert [payload for _, payload in everything(receive)] == [b"abc", b"def", b"gh"]


class Counter:
    """A socket whose kernel has dropped so many."""

    def __init__(self, dropped: int = 0) -> None:
        self.dropped = dropped

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes | int:
        if option == socket.SO_RCVBUF:
            return 2 * 4 * 1024**2
        return MEMINFO.pack(*[0] * 8, self.dropped & 0xFFFFFFFF)


class Silent:
    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        raise OSError("not here")


def watching(source: Any) -> tuple[KernelDropWatch, Clock]:
    clock = Clock()
    losses = KernelDropWatch("in", clock)
    losses.watch_socket(source)
    return losses, clock


def test_losses_are_logged_at_most_every_ten_seconds_with_their_number():
    counter = Counter()
    losses, clock = watching(counter)
    with logged() as messages:
        for _ in range(12):
            counter.dropped += 5
            losses.check_soon()
            clock.advance(1)
    assert losses.lost == 60
    assert [message.split(":")[1].split()[3] for message in messages] == ["5", "50"]
    clock.advance(10)


def test_what_was_not_logged_yet_is_logged_at_the_end():
    counter = Counter()
    losses, clock = watching(counter)
    losses.check_soon()
    counter.dropped += 1
    with logged() as messages:
        losses.log_last_and_stop()
    assert losses.lost == 1 and "dropped 1 datagrams" in messages[0]
    # How large the buffer is, and what helps; nothing was said of that at the start.
    assert "was full (4.0 MiB); sysctl -w net.core.rmem_max=67108864, rcvbuf=64MiB" in messages[0]
    assert clock.getDelayedCalls() == []


def test_without_traffic_no_timer_of_losses_runs():
    losses, clock = watching(Counter())
    assert clock.getDelayedCalls() == []
    losses.check_soon()
    clock.advance(1)
    assert clock.getDelayedCalls() == []


def test_losses_are_watched_while_nobody_reads():
    counter = Counter()
    losses, clock = watching(counter)
    losses.always = True
    losses.check_soon()
    clock.advance(1)
    counter.dropped = 7
    clock.advance(1)
    assert losses.lost == 7
    losses.log_last_and_stop()


def test_the_counter_of_the_kernel_may_start_high_and_run_over():
    counter = Counter(2**32 - 2)
    losses, _ = watching(counter)
    counter.dropped += 5
    losses.log_new_drops()
    assert losses.lost == 5


def test_a_system_that_does_not_tell_says_so_once():
    with logged() as messages:
        losses, clock = watching(Silent())
        losses.check_soon()
        losses.log_last_and_stop()
    assert messages == ["in: this system does not tell what it drops"]
    assert losses.lost == 0 and clock.getDelayedCalls() == []


def test_the_real_kernel_counts_dropped_datagrams():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        receiver.bind(("127.0.0.1", 0))
        losses, _ = watching(receiver)
        for _ in range(100):
            sender.sendto(b"x" * 100, receiver.getsockname())
        receiver.setblocking(False)
        received = 0
        try:
            while receiver.recv(200):
                received += 1
        except BlockingIOError:
            pass
        if losses.known:
            losses.log_new_drops(last=True)
            assert losses.lost == 100 - received > 0
    assert struct.calcsize("9I") == MEMINFO.size
