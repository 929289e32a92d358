"""Workers: as many as are needed up to the limit, each with one message, and what becomes of it."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from logsrv.kit.children.frames import frame_parts
from logsrv.kit.children.pool import (
    ANSWER_SECONDS,
    REST_SECONDS,
    TRIES,
    NoWorkerError,
    ProcessPool,
    WorkerEndedError,
)
from tests.parts.child_processes import Spawned, Spawner
from tests.parts.reactor import logged

IDLE = 60.0


def workers_of(reactor: Spawner, most: int) -> ProcessPool:
    name, without = "a worker", "the server does its work"
    return ProcessPool("m", reactor, name=name, without=without, most=most, idle=IDLE)


class Asked:
    """What comes of a message."""

    def __init__(self, answered: Deferred[list[bytes]]) -> None:
        self.found: Any = None
        answered.addBoth(self.take)

    def take(self, found: Any) -> None:
        self.found = found.value if isinstance(found, Failure) else b"".join(found)


@pytest.fixture
def reactor() -> Spawner:
    return Spawner()


def test_each_process_has_one_message_and_others_wait(reactor):
    workers = workers_of(reactor, 2)
    asked = [Asked(workers.answer(b"%d" % number)) for number in range(4)]
    first, second = reactor.processes
    assert workers.waiting == 2
    first.say()
    second.say()
    second.say(b"two")
    assert [one.found for one in asked] == [None, b"two", None, None]
    assert (workers.waiting, second.said[-1]) == (1, b"2")
    second.say(b"th", b"ree")
    first.say(b"one")
    first.say(b"four") if first.said[-1] == b"3" else second.say(b"four")
    assert [one.found for one in asked] == [b"one", b"two", b"three", b"four"]
    assert len(reactor.processes) == 2


def test_who_asks_again_as_the_answer_comes_gets_the_same_process(reactor):
    """One process more for each would have 2 GiB each."""
    workers = workers_of(reactor, 1)
    again: list[Asked] = []
    first = workers.answer(b"first")
    first.addCallback(lambda _: again.append(Asked(workers.answer(b"second"))))
    reactor.last.say()
    reactor.last.say(b"one")
    assert len(reactor.processes) == 1 and not reactor.last.closed
    assert reactor.last.said == [b"first", b"second"]
    reactor.last.say(b"two")
    assert again[0].found == b"two"


def test_all_processes_end_after_an_idle_time(reactor):
    workers = workers_of(reactor, 1)
    Asked(workers.answer(b"x"))
    reactor.last.say()
    reactor.last.say(b"y")
    reactor.advance(IDLE - 1)
    Asked(workers.answer(b"x"))
    reactor.advance(IDLE + 1)
    assert not reactor.last.closed
    reactor.last.say(b"y")
    reactor.advance(IDLE)
    assert reactor.last.closed


def test_a_lower_limit_ends_processes_as_they_finish(reactor):
    workers = workers_of(reactor, 2)
    for _ in range(2):
        Asked(workers.answer(b"x"))
    workers.most = 1
    for process in reactor.processes:
        process.say()
        process.say(b"y")
    assert [process.closed for process in reactor.processes] == [True, False]


def test_the_message_of_a_dead_process_fails(reactor):
    workers = workers_of(reactor, 1)
    asked, behind = Asked(workers.answer(b"x")), Asked(workers.answer(b"z"))
    reactor.last.say()
    with logged() as said:
        reactor.last.end(b"MemoryError\n", signal=9)
    assert isinstance(asked.found, WorkerEndedError)
    assert "a worker was ended by SIGKILL (MemoryError); the message that it had is refused" in said
    reactor.last.say()
    reactor.last.say(b"y")
    assert behind.found == b"y"


def test_a_process_that_fails_to_start_fails_its_message(reactor):
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x"))
    with logged() as said:
        for _ in range(TRIES):
            assert asked.found is None
            reactor.last.end(b"no such module\n", status=1)
    assert isinstance(asked.found, NoWorkerError) and len(reactor.processes) == TRIES
    assert "the server does its work: the process ended with status 1 (no such module)" in said[-1]


def test_a_message_fails_when_no_process_can_be_started(reactor):
    reactor.full = True
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x"))
    assert isinstance(asked.found, NoWorkerError)


def test_a_message_waits_when_no_further_process_can_be_started(reactor):
    workers = workers_of(reactor, 2)
    asked = Asked(workers.answer(b"x"))
    reactor.full = True
    behind = Asked(workers.answer(b"z"))
    reactor.last.say()
    reactor.last.say(b"y")
    reactor.last.say(b"z")
    assert (asked.found, behind.found) == (b"y", b"z")


def test_a_stop_kills_all_processes_and_fails_their_messages(reactor):
    workers = workers_of(reactor, 1)
    asked = [Asked(workers.answer(b"x")) for _ in range(2)]
    stopped = workers.stop()
    assert reactor.last.killed and stopped.called
    assert [str(one.found) for one in asked] == ["the service stops"] * 2
    assert isinstance(Asked(workers.answer(b"x")).found, WorkerEndedError)


def test_who_asks_again_as_the_stop_is_told_is_refused_and_starts_nothing(reactor):
    """Otherwise the second would wait for ever: nobody looks at those that wait after a stop."""
    workers = workers_of(reactor, 1)
    again: list[Asked] = []
    for _ in range(2):
        asked = workers.answer(b"x")
        asked.addErrback(lambda _: again.append(Asked(workers.answer(b"again"))))
    workers.stop()
    assert [str(one.found) for one in again] == ["the service stops"] * 2
    assert len(reactor.processes) == 1


def test_a_stop_is_over_when_all_messages_are_answered(reactor):
    """The store is closed behind it, and a message may be lines for it."""
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x"))
    reactor.last.dies_late = True
    answered: list[bool] = []
    workers.stop().addCallback(lambda _: answered.append(asked.found is not None))
    assert answered == []
    reactor.last.end(signal=9)
    assert answered == [True]


def test_an_answer_that_was_in_the_pipe_at_a_stop_leaves_no_timer(reactor):
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x"))
    reactor.last.say()
    reactor.last.dies_late = True
    stopped = workers.stop()
    reactor.last.say(b"y")
    assert asked.found == b"y" and not stopped.called
    reactor.last.end(signal=9)
    assert stopped.called and not reactor.getDelayedCalls()


def test_after_a_failed_start_the_next_try_comes_later(reactor):
    workers = workers_of(reactor, 1)
    Asked(workers.answer(b"x"))
    for _ in range(TRIES):
        reactor.last.end(b"no such module\n", status=1)
    asked = Asked(workers.answer(b"x"))
    assert isinstance(asked.found, NoWorkerError) and len(reactor.processes) == TRIES
    reactor.advance(REST_SECONDS)
    Asked(workers.answer(b"x"))
    assert len(reactor.processes) == TRIES + 1


def test_a_bad_start_after_a_rest_costs_no_message_and_is_not_the_next_rest(reactor):
    workers = workers_of(reactor, 1)
    with logged():
        Asked(workers.answer(b"x"))
        for _ in range(TRIES):
            reactor.last.end(status=1)
    reactor.advance(REST_SECONDS)
    asked = Asked(workers.answer(b"x"))
    reactor.last.end(signal=9)
    reactor.last.say()
    reactor.last.say(b"y")
    assert asked.found == b"y"


def test_a_process_that_was_killed_as_it_started_costs_no_message(reactor):
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x"))
    reactor.last.end(signal=9)
    reactor.last.say()
    reactor.last.say(b"y")
    assert asked.found == b"y"


def test_bad_starts_between_good_ones_add_up_to_no_rest(reactor):
    """A busy machine kills a process as it starts now and then; the next one begins."""
    workers = workers_of(reactor, 1)
    for _ in range(2 * TRIES):
        asked = Asked(workers.answer(b"x"))
        reactor.last.end(signal=9)
        assert asked.found is None
        reactor.last.say()
        reactor.last.say(b"y")
        assert asked.found == b"y"
        reactor.advance(IDLE)
        reactor.last.end()
    assert len(reactor.processes) == 4 * TRIES


def test_a_process_that_takes_too_long_is_killed(reactor):
    workers = workers_of(reactor, 1)
    asked, behind = Asked(workers.answer(b"x")), Asked(workers.answer(b"z"))
    reactor.last.say()
    reactor.advance(ANSWER_SECONDS - 1)
    assert not reactor.last.killed
    reactor.advance(1)
    assert reactor.processes[0].killed
    assert "took longer than 100 s" in str(asked.found)
    reactor.last.say()
    reactor.last.say(b"y")
    assert behind.found == b"y"


def test_no_more_is_read_of_a_long_answer_until_there_is_room(reactor):
    workers = workers_of(reactor, 1)
    room: Deferred[None] = Deferred()
    sizes: list[int] = []

    def admit(size: int) -> Deferred[None]:
        sizes.append(size)
        return room

    asked = Asked(workers.answer(b"x", admit=admit))
    reactor.last.say()
    whole = b"".join(frame_parts(b"y" * 100))
    reactor.last.protocol.outReceived(whole[:50])
    assert sizes == [100] and reactor.last.paused
    # It is ours that takes the time now.
    reactor.advance(ANSWER_SECONDS)
    assert not reactor.last.killed
    room.callback(None)
    assert not reactor.last.paused
    reactor.last.protocol.outReceived(whole[50:])
    assert asked.found == b"y" * 100
    reactor.advance(ANSWER_SECONDS)
    assert not reactor.last.killed


def test_a_process_that_dies_while_its_answer_waits_for_room_has_no_time_any_more(reactor):
    workers = workers_of(reactor, 1)
    room: Deferred[None] = Deferred()
    asked = Asked(workers.answer(b"x", admit=lambda _: room))
    reactor.last.say()
    reactor.last.protocol.outReceived(b"".join(frame_parts(b"y" * 100))[:50])
    reactor.last.end(signal=9)
    assert isinstance(asked.found, WorkerEndedError)
    room.callback(None)
    reactor.advance(ANSWER_SECONDS)
    assert not reactor.getDelayedCalls() and not reactor.last.killed


def test_each_long_answer_of_a_process_waits_for_room(reactor):
    workers = workers_of(reactor, 1)
    whole = b"".join(frame_parts(b"y" * 100))
    rooms: list[Deferred[None]] = []

    def admit(size: int) -> Deferred[None]:
        rooms.append(Deferred())
        return rooms[-1]

    for number in range(3):
        asked = Asked(workers.answer(b"x", admit=admit))
        if not number:
            reactor.last.say()
        reactor.last.protocol.outReceived(whole[:50])
        assert reactor.last.paused
        rooms[number].callback(None)
        reactor.last.protocol.outReceived(whole[50:])
        assert asked.found == b"y" * 100
    assert len(reactor.processes) == 1


def test_a_process_that_does_not_end_its_answer_is_killed(reactor):
    workers = workers_of(reactor, 1)
    asked = Asked(workers.answer(b"x", admit=lambda _: succeed(None)))
    reactor.last.say()
    reactor.last.protocol.outReceived(b"".join(frame_parts(b"y" * 100))[:50])
    reactor.advance(ANSWER_SECONDS - 1)
    assert not reactor.last.killed
    reactor.advance(1)
    assert reactor.last.killed and "took longer than 100 s" in str(asked.found)


def two_that_are_asked(reactor: Spawner) -> tuple[ProcessPool, Any, Any]:
    """A pool of two processes, which both have begun and have a message."""
    workers = workers_of(reactor, 2)
    for _ in range(2):
        Asked(workers.answer(b"x"))
    first, second = reactor.processes
    for process in (first, second):
        process.say()
    return workers, first, second


def test_an_idle_process_that_has_died_is_asked_nothing(reactor):
    """The next message goes to another that is free, or to a new one."""
    workers, first, second = two_that_are_asked(reactor)
    first.say(b"y")
    second.say(b"y")
    second.end(signal=9)
    for number in range(2):
        asked = Asked(workers.answer(b"%d" % number))
        (new,) = {*reactor.processes} - {first, second} or {first}
        if new is not first:
            new.say()
        assert new.said[-1] == b"%d" % number
        new.say(b"y")
        assert asked.found == b"y"
        if not number:
            first.end(signal=9)
    assert len(reactor.processes) == 3


def test_idle_processes_end_after_the_last_busy_one_has_died(reactor):
    _, first, second = two_that_are_asked(reactor)
    first.say(b"y")
    second.end(signal=9)
    reactor.advance(IDLE)
    assert first.closed


STEPS = ("ask", "ask again", "begin", "answer", "kill", "rest", "stop")


@example(1, [("ask", 0), ("ask", 0), ("kill", 0), ("begin", 0), ("answer", 0)])
@example(2, [("ask", 0), ("ask", 0), ("ask", 0), ("kill", 1), ("begin", 0), ("kill", 0)])
@example(1, [("ask again", 0), ("ask", 0), ("begin", 0), ("answer", 0), ("answer", 0)])
@given(st.integers(1, 2), st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1))))
def test_in_any_order_of_events_messages_have_their_turns_and_one_answer_each(most, steps):
    """None is worked on while an earlier one waits, also where processes are killed."""
    reactor = Spawner()
    workers = workers_of(reactor, most)
    asked: list[Asked] = []
    begun: set[Spawned] = set()

    def ask(*, again: bool) -> None:
        # A message has its number as soon as it waits.
        number, one = len(asked), Asked(Deferred())
        asked.append(one)
        answered = workers.answer(b"%d" % number).addBoth(one.take)
        if again:
            answered.addBoth(lambda _: ask(again=False))

    def worked_on() -> dict[int, Spawned]:
        running = [one for one in reactor.processes if one.said and not one.protocol.over]
        found = {int(one.said[-1]): one for one in running}
        return {number: one for number, one in sorted(found.items()) if not asked[number].found}

    def take_step(step: str, number: int) -> None:
        busy = [*worked_on().items()]
        if step in ("ask", "ask again"):
            ask(again=step == "ask again")
        elif step == "rest":
            reactor.advance(REST_SECONDS)
        elif step == "stop":
            workers.stop()
        elif number < len(busy):
            message, process = busy[number]
            if step == "kill":
                process.end(signal=9)
            elif process not in begun:
                begun.add(process)
                process.say()
            elif step == "answer":
                process.say(b"%d" % message)
                assert asked[message].found == b"%d" % message

    with logged():
        for step in [*steps, ("stop", 0)]:
            take_step(*step)
            now = [*worked_on()]
            waiting = [number for number, one in enumerate(asked) if not one.found]
            assert now == waiting[: len(now)] and len(now) <= most
    assert all(one.found for one in asked) and not reactor.getDelayedCalls()
