"""A connection that receives records goes by its table of states."""

from collections.abc import Sequence

import pytest

from logsrv.linelog.intake.records import NEXT
from tests.parts.receivers import Echo, Peer
from tests.parts.sinks import Sink, intake

# How a state looks from outside: whether the connection is being closed, works, and has its peer.
LOOKS = {
    "READING": (False, False, True),
    "WORKING": (False, True, True),
    "ENDING": (True, True, True),
    "CLOSING": (True, False, True),
    "LEFT": (False, True, False),
    "DROPPING": (True, True, False),
    "GONE": (True, False, False),
}


class Played(Echo):
    """A connection through a list of events. final: how it looks after the last one."""

    def __init__(self, events: Sequence[str]) -> None:
        super().__init__(intake(Sink()))
        self.makeConnection(Peer())
        self._events = iter(events)
        self.final: tuple[bool, bool, bool] | None = None
        self._play()

    def _play(self) -> None:
        for event in self._events:
            if event == "rest":
                return
            if event == "work":
                self.dataReceived(b"x")
            elif event == "end":
                self.end()
            else:
                self.connectionLost()
        # Before `received` returns, if that is where the events end.
        self.final = self.final or (self.ending, self.working, bool(self.connected))

    def received(self, message: bytes) -> None:
        self._play()


def ways() -> dict[str, list[str]]:
    """The shortest way to each state."""
    found: dict[str, list[str]] = {"READING": []}
    for state in (ahead := ["READING"]):
        for event, following in NEXT[state].items():
            if following not in found:
                found[following] = [*found[state], event]
                ahead.append(following)
    return found


def state_after(events: Sequence[str]) -> str:
    state = "READING"
    for event in events:
        before, state = state, NEXT[state][event]
        if (before, event) == ("READING", "lose"):
            # No work is left.
            state = NEXT[state]["rest"]
    return state


def expected(events: Sequence[str]) -> tuple[bool, bool, bool]:
    """How a connection has to look after events, whatever the table says."""
    works, connected = "work" in events and "rest" not in events, "lose" not in events
    return "end" in events or not (works or connected), works, connected


def test_all_states_look_different_and_can_be_reached():
    assert {*ways()} == {*NEXT} == {*LOOKS}
    assert len({*LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize("state", NEXT)
def test_a_connection_goes_by_the_table(state):
    way = ways()[state]
    if way == ["lose"]:
        # Only work under way keeps a connection there.
        way = ["work", "lose"]
    for event in ("work", "rest", "end", "lose"):
        impossible = {
            "work": state != "READING",
            "rest": "work" not in way,
            "lose": "lose" in way,
            # `end` does nothing when it was called before.
            "end": "end" in way,
        }
        if impossible[event]:
            continue
        events = [*way, event]
        assert Played(events).final == expected(events) == LOOKS[state_after(events)], events
