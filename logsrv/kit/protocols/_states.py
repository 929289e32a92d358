"""The states of one connection, as tables: each event gives the next state and the actions to run.

Five aspects of a connection have states of their own, and a table each. A row has the state, the event,
the next state, and in small letters the actions that follow. An event goes to all five tables; a table
that does not name it stays as it is. Only the rules below connect the aspects.

CALL, AWAIT, FINISH and RETURN are sent around calls of the author's code, ABORT by that code; USE, RELEASE,
CLOSE, DISMISS, CUT and PARTED by sending to the peer; FULL or BRIM, ROOM, END and LOST by the transport;
CROWD and DISPERSE by other connections, to which this one's author writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Aspects: TypeAlias = tuple[str, str, str, str, str]
Doing: TypeAlias = tuple[str, ...]
Table: TypeAlias = Mapping[str, Mapping[str, Doing]]

OPEN, LEAVING, PARTING = "OPEN", "LEAVING", "PARTING"
LINGERING, CLOSED, GONE = "LINGERING", "CLOSED", "GONE"
READY, RUNNING, PENDING, BUSY = "READY", "RUNNING", "PENDING", "BUSY"
UNUSED, FLOWING, KEPT, CLOGGED, BRIMMING = "UNUSED", "FLOWING", "KEPT", "CLOGGED", "BRIMMING"
READING, PAUSED, ENDED = "READING", "PAUSED", "ENDED"
CLEAR, STUCK = "CLEAR", "STUCK"

CALL, AWAIT, FINISH, RETURN = "CALL", "AWAIT", "FINISH", "RETURN"
USE, RELEASE, CLOSE, PARTED = "USE", "RELEASE", "CLOSE", "PARTED"
DISMISS, CUT, ABORT = "DISMISS", "CUT", "ABORT"
FULL, BRIM, ROOM, END, LOST = "FULL", "BRIM", "ROOM", "END", "LOST"
CROWD, DISPERSE = "CROWD", "DISPERSE"

# fmt: off

# The sending side. LEAVING: `close` was called, and the author's code has not returned yet.
# PARTING: the last words are on their way to the transport. LINGERING: the peer was told why it is cut
# off, and its further input is dropped.
SENDING: Table = {
    OPEN:      {LOST: (GONE, "cancel"), CUT: (GONE, "disperse", "abort"),
                ABORT: (GONE, "disperse", "abort"),
                CLOSE: (LEAVING,), DISMISS: (LINGERING, "linger")},
    LEAVING:   {LOST: (GONE,), ABORT: (GONE, "disperse", "abort"), RETURN: (PARTING, "part")},
    PARTING:   {LOST: (GONE,), ABORT: (GONE, "disperse", "abort"), PARTED: (CLOSED, "lose")},
    LINGERING: {LOST: (GONE,), ABORT: (GONE, "disperse", "abort"), END: (CLOSED, "lose")},
    CLOSED:    {LOST: (GONE,), ABORT: (GONE, "disperse", "abort")},
    GONE:      {LOST: (GONE, "cancel")},
}

# The author's code. RUNNING: it is on the stack; its output is gathered. PENDING: on the stack, and it
# returned something to wait for. BUSY: it still works on its last input, or has too much unread.
# Every event that may give it more goes through RUNNING: waiting input comes before the peer is read again.
HANDLER: Table = {
    READY:   {CALL: (RUNNING,), AWAIT: (BUSY,), ROOM: (RUNNING, "run"), END: (RUNNING, "run"),
              DISPERSE: (RUNNING, "run")},
    RUNNING: {AWAIT: (PENDING,), RETURN: (READY,)},
    PENDING: {FINISH: (RUNNING,), RETURN: (BUSY,), LOST: (RUNNING,)},
    BUSY:    {FINISH: (RUNNING, "run"), LOST: (READY,)},
}

# The connection as a producer of its transport. UNUSED: it is no producer, because nothing was written
# yet, or so that the transport can close. FLOWING: it is one, and the transport has room. KEPT: the
# transport expects more from it, and does not close when a stop of the service asks it to. CLOGGED: the
# transport has too much to send, so the peer is not read. BRIMMING: the same, but the peer is read,
# because the author called `read_always`.
OUTFLOW: Table = {
    UNUSED:   {USE: (FLOWING, "register")},
    FLOWING:  {FULL: (CLOGGED,), BRIM: (BRIMMING,), RELEASE: (UNUSED, "unregister")},
    KEPT:     {FULL: (CLOGGED,), BRIM: (BRIMMING,), ROOM: (FLOWING,)},
    CLOGGED:  {ROOM: (FLOWING, "let_close", "disperse"), BRIM: (BRIMMING,)},
    BRIMMING: {ROOM: (FLOWING, "let_close", "disperse")},
}

# The receiving side.
INPUT: Table = {
    READING: {END: (ENDED, "watch")},
    PAUSED:  {END: (ENDED, "watch")},
    ENDED:   {},
}

# The other peers to which this connection's protocol has written. STUCK: too much waits for one of them,
# and the protocol gets no more input until that peer has room.
OTHERS: Table = {
    CLEAR:   {CROWD: (STUCK,)},
    STUCK:   {DISPERSE: (CLEAR,), LOST: (CLEAR,)},
}

ASPECTS = (SENDING, HANDLER, OUTFLOW, INPUT, OTHERS)

# A rule that matches the states of all aspects changes one of them. The first that matches is applied,
# until none matches. Few match while the author's code is on the stack, so changes that the code makes and
# undoes cost the transport nothing.
RULES = (
    # sending            handler       outflow           reading    others   becomes  does
    ("LEAVING",          "READY BUSY", "any",            "any",     "any",   PARTING, "part"),
    ("CLOSED LINGERING", "any",        "FLOWING KEPT",   "any",     "any",   UNUSED,  "unregister"),
    ("CLOSED LINGERING", "any",        "CLOGGED BRIMMING", "any",   "any",   UNUSED,  "unregister give_up"),
    ("CLOSED LINGERING", "any",        "any",            "PAUSED",  "any",   READING, "resume"),
    ("OPEN",             "BUSY",       "UNUSED",         "any",     "any",   KEPT,    "register keep"),
    ("OPEN",             "BUSY",       "FLOWING",        "any",     "any",   KEPT,    "keep"),
    ("OPEN",             "READY",      "UNUSED",         "any",     "STUCK", KEPT,    "register keep"),
    ("OPEN",             "READY",      "FLOWING",        "any",     "STUCK", KEPT,    "keep"),
    ("OPEN",             "READY",      "KEPT",           "any",     "CLEAR", FLOWING, "let_close"),
    ("OPEN",             "BUSY",       "any",            "READING", "any",   PAUSED,  "pause"),
    ("OPEN",             "READY",      "CLOGGED",        "READING", "any",   PAUSED,  "pause"),
    ("OPEN",             "READY",      "any",            "READING", "STUCK", PAUSED,  "pause"),
    ("OPEN",             "READY",      "UNUSED FLOWING BRIMMING", "PAUSED", "CLEAR", READING, "resume"),
)

# fmt: on


class State(dict[str, tuple["State", Doing]]):
    """The states of the aspects; `state[event]` is the next state and the actions.

    ended: the peer sends nothing more, or its input is no longer read. held: the protocol gets no more
    input. ready: the protocol can take input now. is_drained: nobody has to wait before more is written.
    has_room: the same, but not while the connection is being closed, or a loop that writes and drains would
    never end.

    All connections share these objects, each made when it is first reached: a connection holds one
    reference, and an event costs one look-up.
    """

    __slots__ = (
        "aspects", "ended", "handler", "has_room", "held", "is_drained", "others", "outflow", "reading",
        "ready", "sending",
    )  # fmt: skip

    def __init__(self, aspects: Aspects) -> None:
        super().__init__()
        self.aspects = aspects
        self.sending, self.handler, self.outflow, self.reading, self.others = aspects
        sending, handler, outflow, reading, others = aspects
        self.held = (
            sending != OPEN or handler in (PENDING, BUSY) or outflow == CLOGGED or others == STUCK
        )
        self.ready = not self.held and handler == READY
        self.ended = reading == ENDED or sending != OPEN
        self.is_drained = outflow not in (CLOGGED, BRIMMING) and others != STUCK
        self.has_room = sending == OPEN and self.is_drained

    def __missing__(self, event: str) -> tuple[State, Doing]:
        aspects, doing = next_aspects(self.aspects, event)
        if aspects not in _known:
            _known[aspects] = State(aspects)
        self[event] = _known[aspects], doing
        return self[event]


def next_aspects(aspects: Aspects, event: str) -> tuple[Aspects, Doing]:
    """Return the states of the aspects after an event, and the actions to run."""
    rows = [
        table[state].get(event, (state,)) for table, state in zip(ASPECTS, aspects, strict=True)
    ]
    now = [becomes for becomes, *_ in rows]
    doing = [word for row in rows for word in row[1:]]
    while rule := next((rule for rule in RULES if _rule_matches(rule, now)), None):
        becomes, does = rule[5:]
        now[next(at for at, table in enumerate(ASPECTS) if becomes in table)] = becomes
        doing += does.split()
    return (now[0], now[1], now[2], now[3], now[4]), tuple(doing)


def _rule_matches(rule: Sequence[str], now: Sequence[str]) -> bool:
    return all(
        states == "any" or state in states.split()
        for states, state in zip(rule[:5], now, strict=True)
    )


_known: dict[Aspects, State] = {}
CONNECTED = State((OPEN, READY, UNUSED, READING, CLEAR))
_known[CONNECTED.aspects] = CONNECTED
