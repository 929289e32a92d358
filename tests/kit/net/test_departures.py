"""Peers that go while nothing is read from them: who is noticed, who is not, and at what cost."""

import socket
import struct
from typing import Any

import pytest
from twisted.internet.task import Clock

from logsrv.kit.net.departures import LOOK_SECONDS, GonePeerWatch


class End:
    """A connection over a real socket, on which somebody works and from which nobody reads."""

    def __init__(self, family: str = "unix") -> None:
        if family == "unix":
            self.ours, self.theirs = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                self.theirs = socket.create_connection(server.getsockname())
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


def look(end: End, clock: Clock) -> list[str]:
    """What it is told after a look at it."""
    GonePeerWatch(clock).watch(end)
    clock.advance(LOOK_SECONDS)
    told = end.told
    end.close()
    return told


def test_a_peer_that_closes_is_gone(clock):
    end = End()
    end.theirs.close()
    assert look(end, clock) == ["abort"]


@pytest.mark.parametrize("unread", [b"", b"one more line\n"])
def test_a_peer_that_resets_is_gone(clock, unread):
    """Whatever it sent before: nobody can be answered."""
    end = End("tcp")
    end.theirs.sendall(unread)
    end.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.theirs.close()
    assert look(end, clock) == ["abort"]


def test_a_peer_that_only_sends_nothing_more_may_still_read(clock):
    """Unless the protocol says otherwise."""
    end = End("tcp")
    end.theirs.shutdown(socket.SHUT_WR)
    assert look(end, clock) == []
    end = End("tcp")
    end.half_close = False
    end.theirs.shutdown(socket.SHUT_WR)
    assert look(end, clock) == ["abort"]


def test_what_a_peer_sent_before_it_went_comes_first(clock):
    end = End()
    end.theirs.sendall(b"one more line\n")
    end.theirs.close()
    assert look(end, clock) == []


def test_a_peer_that_stays_is_left_alone(clock):
    assert look(End(), clock) == []


def test_without_unread_connections_there_is_no_timer(clock):
    """Nor does one that has gone: there is no timer when nobody is watched."""
    departures, end, other = GonePeerWatch(clock), End(), End()
    departures.watch(end)
    departures.watch(other)
    departures.forget(other)
    end.reading_paused = False
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(LOOK_SECONDS)
    assert not clock.getDelayedCalls()
    departures.watch(end)
    departures.close()
    assert not clock.getDelayedCalls()
    end.close()
    other.close()
