"""Datagrams that the kernel dropped are counted and logged, but a flood is not a flood of messages."""

import socket
import struct
from typing import Any

from twisted.internet.task import Clock

from logsrv.kit.net.kernel_drops import MEMINFO, KernelDropWatch
from tests.parts.reactor import logged


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
