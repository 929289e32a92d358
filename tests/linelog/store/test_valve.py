"""Senders are paused and resumed together."""

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs

from logsrv.linelog.store.valve import FIRST, Valve
from tests.parts.disks import Sender


def test_a_real_transport_is_paused_and_resumed():
    valve, transport = Valve(Clock()), StringTransport()
    valve.add(transport)
    valve.close()
    assert transport.producerState == "paused"
    valve.open()
    assert transport.producerState == "producing"


def test_each_sender_is_paused_once_and_one_that_left_is_not():
    valve, stays, leaves = Valve(Clock()), Sender(), Sender()
    valve.add(stays)
    valve.add(leaves)
    valve.close()
    valve.close()
    valve.remove(leaves)
    valve.remove(leaves)
    valve.open()
    valve.open()
    assert stays.told == ["pause", "resume"] and leaves.told == ["pause"]


def test_a_sender_that_is_added_to_a_closed_valve_waits_too():
    valve, sender = Valve(Clock()), Sender()
    valve.close()
    valve.add(sender)
    valve.open()
    assert sender.told == ["pause", "resume"]


def test_a_sender_that_raises_does_not_stop_the_others():
    class Broken(Sender):
        def resumeProducing(self) -> None:
            raise RuntimeError("gone")

    valve, broken, sound = Valve(Clock()), Broken(), Sender()
    valve.add(broken)
    valve.add(sound)
    with capturedLogs() as events:
        for _ in range(2):
            valve.close()
            valve.open()
    assert sound.told == ["pause", "resume"] * 2
    assert len(events) == 1


def test_a_resumed_sender_may_close_the_valve_again():
    class Greedy(Sender):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            valve.close()

    valve, greedy, other = Valve(Clock()), Greedy(), Sender()
    valve.add(greedy)
    valve.add(other)
    valve.close()
    valve.open()
    assert valve.closed
    assert greedy.told[-1] == "pause" and other.told[-1] == "pause"


def test_senders_may_leave_while_they_are_told():
    class Leaver(Sender):
        def pauseProducing(self) -> None:
            super().pauseProducing()
            valve.remove(other)

    valve, leaver, other = Valve(Clock()), Leaver(), Sender()
    valve.add(leaver)
    valve.add(other)
    valve.close()
    assert other.told == []


def test_the_valve_tells_for_how_long_it_has_been_closed():
    clock = Clock()
    valve = Valve(clock)
    assert valve.closed_for() == 0
    valve.close()
    clock.advance(3)
    valve.close()
    clock.advance(4)
    assert valve.closed_for() == 7
    valve.open()
    assert valve.closed_for() == 0


def test_the_sender_that_delivered_last_is_resumed_last():
    """What it delivers then may close the valve again, and nobody is to be behind it for ever."""
    order = []

    class Named(Sender):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def resumeProducing(self) -> None:
            order.append(self.name)

    valve = Valve(Clock())
    first, _, third = senders = [Named(name) for name in "abc"]
    for sender in senders:
        valve.add(sender)
    valve.served(first)
    valve.served(third)
    valve.served(Named("has gone"))
    valve.close()
    valve.open()
    assert order == ["b", "a", "c"]


class Reactor(Clock):
    """Makes calls in a turn of its own: none that is asked for meanwhile."""

    def turn(self) -> None:
        due, self.calls = self.calls, []
        for call in due:
            call.func()


def running(senders: list[Sender]) -> list[int]:
    return [number for number, sender in enumerate(senders) if sender.told[-1:] != ["pause"]]


def many(valve: Valve) -> list[Sender]:
    senders = [Sender() for _ in range(4 * FIRST)]
    for sender in senders:
        valve.add(sender)
    valve.close()
    return senders


def test_many_senders_are_resumed_step_by_step():
    reactor = Reactor()
    valve = Valve(reactor)
    senders = many(valve)
    valve.open()
    assert running(senders) == list(range(FIRST))
    reactor.turn()
    assert running(senders) == list(range(3 * FIRST))
    reactor.turn()
    assert running(senders) == list(range(4 * FIRST))
    assert not reactor.calls
    assert all(sender.told == ["pause", "resume"] for sender in senders)


def test_senders_left_paused_by_a_closing_valve_are_first_next_time():
    reactor = Reactor()
    valve = Valve(reactor)
    senders = many(valve)
    valve.open()
    valve.close()
    reactor.turn()
    assert running(senders) == []
    assert senders[-1].told == ["pause"], "it was told nothing new"
    valve.open()
    assert running(senders) == list(range(FIRST, 2 * FIRST))


def test_a_sender_is_held_until_its_turn_has_come():
    reactor = Reactor()
    valve = Valve(reactor)
    senders = many(valve)
    valve.open()
    assert not valve.holds(senders[0]) and valve.holds(senders[-1])
    valve.add(senders[-1])
    assert valve.holds(senders[-1]), "to be added once more is no way past the others"
    reactor.turn()
    reactor.turn()
    assert not valve.holds(senders[-1])
    valve.close()
    assert valve.holds(senders[0])


def test_a_sender_that_has_gone_meanwhile_is_not_resumed():
    reactor = Reactor()
    valve = Valve(reactor)
    senders = many(valve)
    valve.open()
    valve.remove(senders[-1])
    reactor.turn()
    reactor.turn()
    assert senders[-1].told == ["pause"]


def test_calls_that_wait_for_the_valve_come_before_the_senders():
    valve, sender = Valve(Clock()), Sender()
    valve.add(sender)
    told = []

    def note() -> None:
        told.append(list(sender.told))

    valve.when_open(note)
    assert told == [[]], "it is open: at once"
    valve.close()
    valve.when_open(note)
    valve.when_open(note)
    valve.open()
    valve.close()
    valve.open()
    assert told == [[], ["pause"]], "once"


def test_a_call_that_closes_the_valve_may_wait_for_it_again():
    """Otherwise the turns of all senders would end there."""
    valve, calls = Valve(Clock()), list[int]()

    def much() -> None:
        calls.append(1)
        if len(calls) < 3:
            valve.close()
            valve.when_open(much)

    valve.close()
    valve.when_open(much)
    for _ in range(3):
        valve.open()
    assert len(calls) == 3 and not valve.closed


def test_who_comes_or_goes_as_a_sender_is_paused_is_paused_or_gone():
    """A connection that ends as it is paused was kept, and one that came sent without end."""

    class Leaving(Sender):
        def pauseProducing(self) -> None:
            super().pauseProducing()
            valve.remove(self)
            valve.add(comes)

    valve, leaves, comes = Valve(Clock()), Leaving(), Sender()
    valve.add(leaves)
    valve.close()
    assert comes.told == ["pause"]
    valve.open()
    assert leaves.told == ["pause"] and comes.told == ["pause", "resume"]


def test_a_call_that_closes_the_valve_leaves_the_others_for_the_next_time():
    valve, sender = Valve(Clock()), Sender()
    valve.add(sender)
    calls = []
    valve.close()

    def much() -> None:
        calls.append("a")
        valve.close()

    valve.when_open(much)
    valve.when_open(lambda: calls.append("b"))
    valve.open()
    assert valve.closed and calls == ["a"] and sender.told == ["pause"]
    valve.open()
    assert calls == ["a", "b"] and sender.told == ["pause", "resume"]


def test_a_failing_call_does_not_keep_the_senders_paused():
    valve, sender = Valve(Clock()), Sender()
    valve.add(sender)
    valve.close()
    valve.when_open(lambda: 1 // 0)
    with capturedLogs() as events:
        valve.open()
    assert sender.told == ["pause", "resume"] and len(events) == 1
