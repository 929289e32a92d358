"""Connections closed at a stop, and how many are cut off; peers that go while nothing is read."""

import os
import socket
import struct
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from logsrv.kit.connections._drain import (
    GOODBYE_SECONDS,
    LOOK_SECONDS,
    PAUSED_LOOK_SECONDS,
    GonePeerWatch,
    drain,
)
from logsrv.kit.connections.transports import (
    Backpressure,
    descriptor,
    unacknowledged_bytes,
    unread_bytes,
)
from logsrv.kit.testing.patience import PATIENCE


class End:
    """A connection over a real socket, of which the test is the reactor."""

    def __init__(self, connections: set[Any]) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.transport = self.ours
        self.closing = self.aborted = self.working = False
        self._connections = connections
        connections.add(self)

    def close(self) -> None:
        self.closing = True
        self.gone()

    def stop_awaiting_goodbye(self) -> None:
        raise AssertionError("nobody waits for it")

    def abort(self) -> None:
        self.aborted = True
        self.gone()

    def gone(self) -> None:
        self._connections.discard(self)
        self.ours.close()
        self.theirs.close()


class Stubborn(End):
    """Closes only when it is aborted: its peer does not read what we have for it."""

    def close(self) -> None:
        self.closing = True

    def stop_awaiting_goodbye(self) -> None:
        pass


class Silent(End):
    """Waits for a goodbye of its peer, as TLS does."""

    def close(self) -> None:
        self.closing = True

    def stop_awaiting_goodbye(self) -> None:
        self.gone()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drained(connections: set[Any], seconds: float, clock: Clock) -> list[int]:
    """Begin a drain; return a list that gets the number of those that it cuts off, at its end."""
    results: list[int] = []
    Deferred.fromCoroutine(drain(connections, seconds, clock)).addCallback(results.append)
    return results


def test_a_connection_is_closed_only_when_nothing_waits_for_it(clock):
    connections: set[Any] = set()
    end = End(connections)
    end.theirs.sendall(b"last line\n")
    results = drained(connections, 5, clock)
    clock.pump([LOOK_SECONDS] * 10)
    assert not end.closing
    end.ours.recv(100)
    clock.pump([LOOK_SECONDS] * 2)
    assert end.closing and not end.aborted
    clock.advance(LOOK_SECONDS)
    assert results == [0]
    assert clock.getDelayedCalls() == []


def test_what_comes_between_two_looks_is_waited_for_as_well(clock):
    connections: set[Any] = set()
    end = End(connections)
    drained(connections, 5, clock)
    end.theirs.sendall(b"x")
    clock.advance(LOOK_SECONDS)
    assert not end.closing
    end.gone()
    clock.advance(LOOK_SECONDS)


def test_who_goes_on_sending_is_cut_off_at_the_deadline_and_counted(clock):
    connections: set[Any] = set()
    sending, stubborn = End(connections), Stubborn(connections)
    sending.theirs.sendall(b"x")
    results = drained(connections, 1, clock)
    clock.pump([LOOK_SECONDS] * 98)
    assert not sending.aborted
    clock.pump([LOOK_SECONDS] * 5)
    assert sending.aborted and stubborn.aborted
    assert results == [1]


def test_a_closed_connection_is_cut_off_only_if_it_has_not_got_all(clock):
    """What the kernel still holds for it would be lost; one that just does not go has lost nothing."""
    connections: set[Any] = set()
    slow, gone = Stubborn(connections), Stubborn(connections)
    slow.ours.sendall(b"the end of a download")
    results = drained(connections, 1, clock)
    clock.pump([LOOK_SECONDS] * 50)
    assert slow.closing
    assert gone.closing
    assert not slow.aborted
    clock.pump([LOOK_SECONDS] * 60)
    assert results == [1]


def test_who_has_got_all_and_says_no_goodbye_is_not_waited_for_until_the_deadline(clock):
    connections: set[Any] = set()
    slow, late = Silent(connections), Silent(connections)
    Silent(connections)
    slow.ours.sendall(b"the end of a download")
    results = drained(connections, 5, clock)
    # Both looks at a silent connection, and the one that finds it closing.
    clock.pump([LOOK_SECONDS] * 3)
    late.theirs.sendall(b"a line that was under way")
    clock.advance(GOODBYE_SECONDS - 2 * LOOK_SECONDS)
    assert len(connections) == 3
    clock.pump([LOOK_SECONDS] * 2)
    assert connections == {slow, late}
    late.ours.recv(100)
    slow.theirs.recv(100)
    clock.advance(GOODBYE_SECONDS)
    assert not connections
    clock.advance(LOOK_SECONDS)
    assert results == [0]


def test_bytes_that_the_peer_has_not_got_are_counted():
    connections: set[Any] = set()
    end = End(connections)
    assert unacknowledged_bytes(end.ours) == 0
    end.ours.sendall(b"x")
    assert unacknowledged_bytes(end.ours) > 0
    end.theirs.recv(1)
    assert unacknowledged_bytes(end.ours) == 0
    end.abort()
    assert unacknowledged_bytes(end.ours) == 0


def test_without_connections_it_is_over_at_once(clock):
    assert drained(set(), 5, clock) == [0]


def test_unread_bytes_are_counted_and_a_transport_without_a_socket_has_none():
    reading, writing = os.pipe()

    class Pipe:
        def fileno(self) -> int:
            return reading

    os.write(writing, b"12345")
    assert unread_bytes(Pipe()) == 5
    assert (descriptor(object()), unread_bytes(object())) == (-1, 0)
    os.close(reading)
    os.close(writing)
    assert unread_bytes(Pipe()) == 0


def test_a_writer_does_not_wait_while_there_is_room():
    pressure = Backpressure()
    assert verifyObject(IPushProducer, pressure)
    assert pressure.wait_for_room().called


def test_all_waiting_writers_go_on_when_there_is_room_again():
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = [pressure.wait_for_room(), pressure.wait_for_room()]
    assert not any(each.called for each in waiting)
    pressure.resumeProducing()
    assert all(each.called for each in waiting)


async def test_waiting_writers_hear_of_the_end():
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = pressure.wait_for_room()
    pressure.stopProducing()
    assert not waiting.called
    pressure.fail_waits(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        await waiting


def test_a_cancelled_wait_for_room_is_ignored():
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = pressure.wait_for_room()
    waiting.addErrback(lambda failure: None)
    waiting.cancel()
    pressure.resumeProducing()


class Paused:
    """A connection over a real socket, on which somebody works and from which nobody reads."""

    def __init__(self, family: str = "unix") -> None:
        if family == "unix":
            self.ours, self.theirs = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                self.theirs = socket.create_connection(server.getsockname(), PATIENCE)
                self.ours, _ = server.accept()
        self.author = self
        self.transport = self.ours
        self.reading_paused = self.busy_with_last_input = True
        self.half_close = True
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.told.append(name)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def look(end: Paused, clock: Clock) -> list[str]:
    """What it is told after a look at it."""
    GonePeerWatch(clock).watch(end)
    clock.advance(PAUSED_LOOK_SECONDS)
    told = end.told
    end.close()
    return told


def test_a_peer_that_closes_is_gone(clock):
    end = Paused()
    end.theirs.close()
    assert look(end, clock) == ["abort"]


@pytest.mark.parametrize("unread", [b"", b"one more line\n"])
def test_a_peer_that_resets_is_gone(clock, unread):
    """Whatever it sent before: nobody can be answered."""
    end = Paused("tcp")
    end.theirs.sendall(unread)
    end.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.theirs.close()
    assert look(end, clock) == ["abort"]


def test_a_peer_that_only_sends_nothing_more_may_still_read(clock):
    """Unless the protocol says otherwise."""
    end = Paused("tcp")
    end.theirs.shutdown(socket.SHUT_WR)
    assert look(end, clock) == []
    end = Paused("tcp")
    end.half_close = False
    end.theirs.shutdown(socket.SHUT_WR)
    assert look(end, clock) == ["abort"]


def test_what_a_peer_sent_before_it_went_comes_first(clock):
    end = Paused()
    end.theirs.sendall(b"one more line\n")
    end.theirs.close()
    assert look(end, clock) == []


def test_a_peer_that_stays_is_left_alone(clock):
    assert look(Paused(), clock) == []


def test_without_unread_connections_there_is_no_timer(clock):
    """Nor does one that has gone: there is no timer when nobody is watched."""
    departures, end, other = GonePeerWatch(clock), Paused(), Paused()
    departures.watch(end)
    departures.watch(other)
    departures.forget(other)
    end.reading_paused = False
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(PAUSED_LOOK_SECONDS)
    assert not clock.getDelayedCalls()
    departures.watch(end)
    departures.close()
    assert not clock.getDelayedCalls()
    end.close()
    other.close()
