"""A connection that receives records, in any order of what its peer, the workers and the store do."""

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import LARGE, BodyRules, Records, Reply, RequestRefused
from tests.parts.receivers import Echo, Peer
from tests.parts.sinks import Sink, intake, turn
from tests.parts.workers import WorkersHere


def add_text(message: bytes, rules: BodyRules, records: Records) -> Reply:
    """The parser of messages; `bad` ones are refused."""
    if message.startswith(b"bad"):
        raise RequestRefused(400, "it is bad")
    records.add(message[:9], structured=False)
    return Reply(200, b"%d." % len(message))


class Scripted(Echo):
    """Each record is a message, and names what happens: it ends the connection, or is a fault."""

    acknowledges = True

    def messages(self, data: bytes) -> list[bytes]:
        return self.framer.receive(data)

    def received(self, message: bytes) -> None:
        if message.startswith(b"end"):
            self.end(b"bye")
        elif message.startswith(b"fault"):
            raise ValueError("a fault")
        elif message.startswith(b"two"):
            self.parse(add_text, message + LARGE * b"x")
            self.parse(add_text, message)
        else:
            self.parse(add_text, message, b"!")

    def lost(self) -> None:
        """Take the unfinished record, which may be refused, and may need a worker."""
        rest, self.framer.rest = self.framer.rest, b""
        if rest.startswith(b"bad"):
            self.refuse("bad", "it is bad")
        if rest:
            self.parse(add_text, rest)


class Busy:
    """The CPU time, of which each look takes some."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.step = 0.0, seconds

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


LONG_TEXT = (LARGE + 1) * b"x"
DATA = (
    b"a;",
    b"bad;",
    b"end;",
    b"fault;",
    b"two;",
    b"x",
    b"a;b;c",
    LONG_TEXT,
    LONG_TEXT + b";",
    b"bad",
)
OTHER = ("turn", "work", "safe", "unsafe", "end", "give way", "close", "open")


@given(
    st.lists(st.sampled_from((*DATA, *OTHER)), max_size=12),
    st.sampled_from((0.0, 0.001, 0.01)),
    st.sampled_from(("lose", "end")),
)
# The unfinished record closes the connection, and needs a worker all the same.
@example([b"bad", LONG_TEXT, "give way"], 0.0, "lose")
@example([b"bad", LONG_TEXT, "give way"], 0.0, "end")
# The store fails when the connection is being closed, and when a worker has a message as well.
@example([b"a;", "end", "unsafe"], 0.0, "lose")
@example([b"a;", LONG_TEXT + b";", "end", "unsafe"], 0.0, "lose")
def test_each_connection_comes_to_its_end(steps, costs, last):
    sink, workers = Sink(), WorkersHere(waits=True)
    way = intake(sink, workers=workers, cpu=Busy(costs))
    receiver, peer = Scripted(way), Peer()
    receiver.makeConnection(peer)
    does: dict[str, Callable[[], object]] = {
        "turn": lambda: turn(way.clock),
        "work": lambda: answer(workers),
        "safe": sink.sync,
        "unsafe": lambda: fail(sink, receiver, peer),
        "end": receiver.end,
        "give way": lambda: give_way(receiver),
        "close": lambda: setattr(sink, "closed", True),
        "open": sink.open,
        "lose": receiver.connectionLost,
    }
    with capturedLogs():
        for step in [*steps, last, *12 * ["open", "work", "turn", "safe"]]:
            if isinstance(step, str):
                does[step]()
            elif peer.producerState == "producing" and not peer.disconnecting:
                receiver.dataReceived(step)
        # What a failed store does not acknowledge stays due.
        due = receiver.due > 0 and "unsafe" in steps
        assert receiver.ending and receiver.working == due
        assert not receiver.connected or peer.disconnecting or peer.aborted
        if receiver.connected:
            receiver.connectionLost()
    assert not receiver.connected and receiver.working == due


def fail(sink: Sink, receiver: RecordReceiver, peer: Peer) -> None:
    """Let the store fail; a connection that waits for it is cut."""
    is_waiting = bool(sink.waiting) and receiver.connected
    sink.sync("the disk is full")
    assert peer.aborted or not is_waiting


def answer(workers: WorkersHere) -> None:
    if workers.asked:
        workers.answer_next()


def give_way(receiver: RecordReceiver) -> None:
    """Close a connection that keeps an unfinished record, as its listener does for room."""
    if receiver.unfinished_bytes and not receiver.working and not receiver.ending:
        receiver.give_way()
