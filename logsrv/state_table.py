"""Tables of states: for each state its events, and the state after each event.

A row lists an event that its state ignores too, with the state itself. So an event that is not in the row
is a fault of the program: to look it up raises UnexpectedEvent.
"""

from __future__ import annotations

from collections.abc import Mapping


class UnexpectedEvent(RuntimeError):
    """An event came in a state in which it cannot happen."""


class _Row(dict[str, str]):
    """The events of a state."""

    __slots__ = ("state",)

    def __init__(self, state: str, events: Mapping[str, str]) -> None:
        super().__init__(events)
        self.state = state

    def __missing__(self, event: str) -> str:
        raise UnexpectedEvent(f"`{event}` cannot happen in the state {self.state}")


def state_table(rows: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return a table that raises UnexpectedEvent. Raises ValueError if a state has no row."""
    if missing := {following for row in rows.values() for following in row.values()} - {*rows}:
        raise ValueError(f"no row for {', '.join(sorted(missing))}")
    return {state: _Row(state, events) for state, events in rows.items()}
