"""The tables of a connection: where they lead, and that a real connection goes by them."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone

from logsrv.kit import LineProtocol
from logsrv.kit.protocols._connection import ACTIONS, PeerConnection
from logsrv.kit.protocols._states import (
    ASPECTS,
    AWAIT,
    BUSY,
    CALL,
    CLOSE,
    CONNECTED,
    ENDED,
    FINISH,
    FULL,
    GONE,
    LOST,
    OPEN,
    PARTED,
    PAUSED,
    PENDING,
    READY,
    RELEASE,
    RETURN,
    ROOM,
    RULES,
    RUNNING,
    Aspects,
    State,
)  # fmt: skip
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing._memory_peers import MemoryTransport

EVENTS = sorted({event for table in ASPECTS for row in table.values() for event in row})
# What of the things to be done the transport is told, and what leads to an event of its own.
TOLD = {
    "pause": "pauseProducing",
    "resume": "resumeProducing",
    "register": "registerProducer",
    "unregister": "unregisterProducer",
    "lose": "loseConnection",
    "linger": "loseWriteConnection",
    "abort": "abortConnection",
}
FOLLOWS = {"part": PARTED, "let_close": RELEASE, "run": RETURN}


def test_each_state_name_belongs_to_one_aspect():
    """A rule names the state it leads to, and so the aspect."""
    assert sum(map(len, ASPECTS)) == len(set().union(*ASPECTS))


def test_every_action_of_the_tables_exists():
    rows = [row for table in ASPECTS for row in table.values()]
    words = {word for row in rows for doing in row.values() for word in doing[1:]}
    words |= {word for rule in RULES for word in rule[-1].split()}
    assert words == set(ACTIONS)


def everywhere() -> dict[Aspects, State]:
    """All states that can be come to."""
    found = {CONNECTED.aspects: CONNECTED}
    ahead = [CONNECTED]
    for state in ahead:
        for event in EVENTS:
            following, _ = state[event]
            if following.aspects not in found:
                found[following.aspects] = following
                ahead.append(following)
    return found


def test_every_state_can_be_reached_and_left():
    """No row is there for nothing, and from everywhere a lost connection is gone."""
    seen = everywhere().values()
    assert {name for state in seen for name in state.aspects} == set().union(*ASPECTS)
    assert all(state[LOST][0].sending == GONE for state in seen)


def test_an_author_gets_input_only_when_ready():
    for state in everywhere().values():
        assert not (state.ready and (state.held or state.reading == PAUSED))
        assert state.held or state.sending == OPEN


def test_reading_is_paused_exactly_when_something_holds_it():
    """While the author's code is not on the stack, reading is paused exactly when something holds it."""
    for state in everywhere().values():
        if state.sending == OPEN and state.handler in (READY, BUSY) and state.reading != ENDED:
            assert (state.reading == PAUSED) == state.held


class Idle:
    """A reader that has nothing for the author."""

    waits_by_itself = False
    waiting = False
    discard_early_input = False
    exhausted = True

    def received(self, data: bytes) -> None: ...

    def advance(self) -> None: ...

    def lost(self) -> None: ...


class RecordingTransport(MemoryTransport):
    """Notes what it is told, beside what is written."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in TOLD.values():
            return super().__getattribute__(name)
        return lambda *args: self.told.append(name)


class Played:
    """A real connection that goes by a list of events."""

    def __init__(self, service: MemoryService, events: list[str]) -> None:
        protocol = service.service.make_factory("memory").buildProtocol(None)
        assert protocol is not None
        self.transport = RecordingTransport()
        protocol.makeConnection(self.transport)
        self.connection = PeerConnection(protocol)  # type: ignore[arg-type]
        self.connection.reader = Idle()
        self._waiting: Deferred[None] | None = None
        self._events = iter(events)
        self.final: tuple[Aspects, list[str]] | None = None
        self._play()

    def _play(self) -> None:
        """Also what the author's code does: it returns at RETURN, or when there are no more events."""
        connection = self.connection
        for event in self._events:
            if event == RETURN:
                return
            if event == CALL:
                connection.call_author(self._play, "test")
            elif event == AWAIT and connection.state.handler == RUNNING:
                self._waiting = Deferred()
                connection.hold_input_until(self._waiting, "test")
            elif event == FINISH and self._waiting is not None:
                waiting, self._waiting = self._waiting, None
                waiting.callback(None)
            elif event == CLOSE:
                connection.close()
            elif event == FULL:
                connection.pauseProducing()
            elif event == ROOM:
                connection.resumeProducing()
            elif event == LOST:
                connection.lost(connectionDone)
            else:
                connection.change_state(event)
        # Before the author's code returns, if that is where the events end.
        self.final = self.final or (connection.state.aspects, [*self.transport.told])


def expected(state: State, event: str, told: list[str]) -> State:
    """The state after an event and all that follows from it by itself, and what the transport is told."""
    state, doing = state[event]
    for word in doing:
        if word in FOLLOWS:
            state = expected(state, FOLLOWS[word], told)
        elif word in TOLD:
            told.append(TOLD[word])
    return state


def possible(state: State) -> Iterator[str]:
    """The events that can come, and that a test can bring about."""
    handler = {
        READY: {CALL, AWAIT},
        RUNNING: {AWAIT, RETURN},
        PENDING: {FINISH, RETURN},
        BUSY: {FINISH},
    }
    for event in EVENTS:
        if event in (CALL, AWAIT, FINISH, RETURN):
            if event in handler[state.handler]:
                yield event
        elif event != PARTED and state.sending != GONE:
            yield event


@pytest.mark.slow
def test_a_connection_goes_by_the_tables():
    """From every state, each event takes a real connection to the state, and tells its transport, what
    the tables say.
    """
    service = MemoryService(LineProtocol)
    ways: dict[Aspects, tuple[State, list[str], list[str]]] = {
        CONNECTED.aspects: (CONNECTED, [], [])
    }
    ahead = [CONNECTED.aspects]
    for aspects in ahead:
        state, way, told = ways[aspects]
        for event in possible(state):
            now = [*told]
            following = expected(state, event, now)
            assert Played(service, [*way, event]).final == (following.aspects, now), (way, event)
            if following.aspects not in ways:
                ways[following.aspects] = following, [*way, event], now
                ahead.append(following.aspects)
    assert len(ways) > 50
