"""A process that forks one for each order: each has what those before it have noted."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.children.frames import MessageReader
from logsrv.kit.testing.patience import PATIENCE


class Forking:
    """The process, its orders and its messages."""

    def __init__(self, process: "subprocess.Popen[bytes]", orders: socket.socket) -> None:
        self.process, self.orders = process, orders

    def start(self, number: int, order: bytes, *pipes: int) -> None:
        """Give an order with the pipes of its process."""
        socket.send_fds(self.orders, [b"%d " % number + order], pipes)

    def ends(self, most: int) -> dict[int, int]:
        """Return the statuses of as many orders, by number, when they have ended."""
        assert self.process.stdout is not None
        pipe, reader, found = self.process.stdout.fileno(), MessageReader(), dict[int, int]()
        while len(found) < most:
            assert select.select([pipe], [], [], PATIENCE)[0]
            data = os.read(pipe, 1 << 16)
            assert data, f"the process has ended after {len(found)}"
            for message in reader.receive(data):
                number, status = map(int, b"".join(message).split())
                assert number not in found, "its end is told twice"
                found[number] = status
        return found

    def order(self, order: bytes) -> int:
        """Give an order; return the pipe of the answer. The process ends by itself."""
        answer, its_answer = os.pipe()
        its_life, self.life = os.pipe()
        self.start(1, order, its_life, its_answer)
        os.close(its_life)
        os.close(its_answer)
        return answer

    def answer(self, order: bytes) -> bytes:
        """Give an order; return the answer when the forked process has ended."""
        answer = self.order(order)
        assert self.process.stdout is not None
        ends = self.process.stdout.fileno()
        assert select.select([ends], [], [], PATIENCE)[0]
        # The size of a message, then the number of the order and the status.
        assert os.read(ends, 11)[8:] == b"1 0"
        found = os.read(answer, 100)
        os.close(answer)
        os.close(self.life)
        return found


@pytest.fixture
def forking() -> Iterator[Forking]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(Path(__file__).with_name("forking_child.py"))]
    with (
        ours,
        subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.PIPE) as process,
    ):
        theirs.close()
        yield Forking(process, ours)
        ours.close()
        assert process.wait(PATIENCE) == 0


def test_a_process_has_what_those_before_it_have_noted(forking):
    assert forking.answer(b"2 a") == b"0 0"
    assert forking.answer(b"1 bc") == b"2 6"
    assert forking.answer(b"0") == b"3 10"


def test_notes_may_be_larger_than_a_pipe(forking):
    large = b"3 " + b"x" * 100_000
    assert forking.answer(large) == b"0 0"
    assert forking.answer(b"0") == b"3 %d" % (3 * len(large))


def test_nobody_waits_for_notes_after_the_last_order(forking):
    """At that time a full pipe would keep the process for ever."""
    answer = forking.order(b"500 " + b"x" * 100_000)
    assert os.read(answer, 100) == b"0 0"
    forking.orders.close()
    assert forking.process.wait(PATIENCE) == 0
    os.close(answer)
    os.close(forking.life)


@pytest.mark.slow
def test_three_hundred_processes_that_end_together_are_all_reported(forking):
    """Their signals come while the end of an earlier one is being reported."""
    for _ in range(3):
        answer, its_answer = os.pipe()
        lives = []
        for number in range(300):
            its_life, life = os.pipe()
            forking.start(number, b"wait", its_life, its_answer)
            os.close(its_life)
            assert os.read(answer, 15)[8:] == b"waiting"
            lives.append(life)
        # The kernel ends a process when its pipe is closed.
        for life in lives:
            os.close(life)
        assert forking.ends(300) == dict.fromkeys(range(300), -signal.SIGIO)
        os.close(answer)
        os.close(its_answer)


@pytest.mark.slow
def test_more_short_orders_than_a_process_may_have_files_are_all_reported(forking):
    with open(os.devnull, "wb") as nowhere:
        its_life, life = os.pipe()
        for first in range(0, 1500, 50):
            some = range(first, first + 50)
            for number in some:
                forking.start(number, b"0", its_life, nowhere.fileno())
            assert forking.ends(50) == dict.fromkeys(some, 0)
        os.close(life)
        os.close(its_life)
