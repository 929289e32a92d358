"""A process that forks one for each order: each has what those before it have noted."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE


class Forking:
    """The process, its orders and its messages."""

    def __init__(self, process: "subprocess.Popen[bytes]", orders: socket.socket) -> None:
        self.process, self.orders = process, orders

    def order(self, order: bytes) -> int:
        """Give an order; return the pipe of the answer. The process ends by itself."""
        answer, its_answer = os.pipe()
        its_life, self.life = os.pipe()
        socket.send_fds(self.orders, [b"1 " + order], [its_life, its_answer])
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
