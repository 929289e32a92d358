"""A resident process: when it is started, with what, and when again."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.kit.children.frames import frame_parts
from logsrv.kit.children.resident import END, PAUSES, WELL, ResidentProcess
from tests.parts.child_processes import Spawned, Spawner
from tests.parts.reactor import logged


class Stage:
    """A resident process, what it is told now, and what it has said."""

    def __init__(self) -> None:
        self.reactor = Spawner()
        self.orders = b"first"
        self.said: list[bytes] = []
        # How many processes were over when the owner heard of an end.
        self.ends: list[int] = []
        self.process = ResidentProcess(
            "m",
            name="alerts",
            orders=lambda pid: b"%d %s" % (pid or 0, self.orders),
            take=self.said.append,
            reactor=self.reactor,
            ended=lambda: self.ends.append(self.over),
        )

    @property
    def over(self) -> int:
        return sum(one.protocol.over for one in self.reactor.processes)

    @property
    def told(self) -> list[bytes]:
        """What the last process was told, without the process ids."""
        return [line.split()[-1] for line in self.reactor.last.said]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_process_gets_its_orders_and_its_messages_arrive_whole(stage):
    stage.process.start_or_update()
    spawned = stage.reactor.last
    assert spawned.said == [b"%d first" % spawned.pid]
    for byte in b"".join([*frame_parts(b"one"), *frame_parts(b"tw", b"o"), *frame_parts(b"three")])[
        :-2
    ]:
        spawned.protocol.outReceived(bytes([byte]))
    assert stage.said == [b"one", b"two"]
    stage.orders = b"second"
    stage.process.start_or_update()
    assert stage.told == [b"first", b"second"] and len(stage.reactor.processes) == 1


def test_a_process_is_not_started_before_the_reactor_runs(stage):
    waiting: list[Callable[[], object]] = []
    stage.reactor.waiting = waiting
    stage.process.start_or_update()
    stage.orders = b"second"
    stage.process.start_or_update()
    assert not stage.reactor.processes
    [start] = waiting
    start()
    assert stage.told == [b"second"]


@pytest.mark.parametrize("before", ["stop", "end_until_needed"])
def test_a_stop_or_a_done_before_the_reactor_runs_starts_nothing(stage, before):
    waiting: list[Callable[[], object]] = []
    stage.reactor.waiting = waiting
    stage.process.start_or_update()
    stopped = getattr(stage.process, before)()
    assert before != "stop" or stopped.called
    for start in waiting:
        start()
    assert not stage.reactor.processes


def test_each_early_death_makes_the_next_start_later(stage):
    stage.process.start_or_update()
    stage.reactor.last.protocol.outReceived(b"".join(frame_parts(b"half of it"))[:-1])
    with logged() as messages:
        for pause in (*PAUSES, PAUSES[-1]):
            stage.reactor.last.end(b"Traceback\nKeyError: 'x'\n", 1)
            number = len(stage.reactor.processes)
            stage.reactor.advance(pause - 0.1)
            assert len(stage.reactor.processes) == number
            stage.reactor.advance(0.2)
            assert len(stage.reactor.processes) == number + 1
            assert stage.told == [b"first"]
    said = "alerts: the process ended with status 1 (KeyError: 'x'), and is started again in 1 s"
    assert messages[0] == said and len(messages) == len(PAUSES) + 1
    stage.reactor.last.say(b"whole")
    assert stage.said == [b"whole"]


def test_last_words_without_a_line_feed_are_told_too(stage):
    """As a library in C writes them before it aborts."""
    stage.process.start_or_update()
    with logged() as messages:
        stage.reactor.last.end(b"loading\nfree(): invalid pointer", signal=6)
    [said] = messages
    assert "was ended by SIGABRT (free(): invalid pointer)" in said


def test_a_process_that_ran_for_long_is_replaced_soon(stage):
    stage.process.start_or_update()
    for _ in range(3):
        stage.reactor.advance(WELL + 1)
        stage.reactor.last.end(signal=9)
        stage.reactor.advance(PAUSES[0])
    assert len(stage.reactor.processes) == 4


@pytest.mark.parametrize("returning", [False, True])
def test_a_failed_start_is_tried_again(stage, returning):
    if returning:
        stage.process.start_or_update()
        stage.process.end_until_needed()
        stage.process.start_or_update()
    stage.reactor.full = True
    with logged() as messages:
        if returning:
            stage.reactor.last.end()
        else:
            stage.process.start_or_update()
        stage.reactor.advance(PAUSES[0])
    assert [one for one in messages if "cannot be started (Resource temporarily" in one] == messages
    assert len(messages) == 2
    stage.reactor.full = False
    stage.reactor.advance(PAUSES[1])
    assert stage.told == [b"first"]


def test_a_want_ends_the_pause_before_the_next_start(stage):
    stage.process.start_or_update()
    stage.reactor.last.end(signal=9)
    stage.process.start_or_update()
    stage.reactor.advance(100)
    assert len(stage.reactor.processes) == 2


def test_a_want_during_the_end_starts_the_next_process_after_it(stage):
    stage.process.start_or_update()
    stage.process.end_until_needed()
    stage.process.end_until_needed()
    assert stage.reactor.last.closed and stage.process.state == "LEAVING"
    stage.reactor.last.end()
    assert stage.process.state == "IDLE" and not stage.reactor.getDelayedCalls()
    stage.process.start_or_update()
    stage.process.end_until_needed()
    stage.process.start_or_update()
    stage.process.start_or_update()
    assert len(stage.reactor.processes) == 2
    stage.reactor.last.end()
    assert len(stage.reactor.processes) == 3 and stage.process.state == "RUNNING"


def test_a_process_that_starts_at_the_end_of_the_last_gets_its_orders(stage):
    stage.process.start_or_update()
    stage.process.end_until_needed()
    stage.process.start_or_update()
    stage.reactor.last.end()
    stage.orders = b"second"
    stage.process.start_or_update()
    assert len(stage.reactor.processes) == 2 and stage.told == [b"first", b"second"]
    assert not stage.process.stop().called and stage.reactor.last.closed


def test_a_done_during_the_pause_cancels_the_next_start(stage):
    stage.process.start_or_update()
    stage.reactor.last.end(signal=9)
    stage.process.end_until_needed()
    stage.reactor.advance(100)
    assert len(stage.reactor.processes) == 1 and stage.process.state == "IDLE"
    stage.process.start_or_update()
    assert len(stage.reactor.processes) == 2


def test_a_done_cancels_the_next_process(stage):
    stage.process.start_or_update()
    stage.process.end_until_needed()
    stage.process.start_or_update()
    stage.process.end_until_needed()
    stage.reactor.last.end()
    assert len(stage.reactor.processes) == 1 and stage.process.state == "IDLE"


@pytest.mark.parametrize("before", ["", "done", "done want"])
def test_a_stop_waits_for_the_end_of_the_process(stage, before):
    stage.process.start_or_update()
    for step in before.split():
        {"done": stage.process.end_until_needed, "want": stage.process.start_or_update}[step]()
    stopped = stage.process.stop()
    assert stage.reactor.last.closed and not stopped.called and stage.process.stopping
    stage.reactor.last.end()
    assert stopped.called and stage.process.stop().called
    assert not stage.reactor.getDelayedCalls() and len(stage.reactor.processes) == 1


def test_a_process_that_does_not_end_is_killed(stage):
    stage.process.start_or_update()
    stopped = stage.process.stop()
    stage.process.stop()
    stage.reactor.advance(END)
    assert stage.reactor.last.killed and stopped.called


def test_a_stop_during_the_pause_is_done_at_once(stage):
    stage.process.start_or_update()
    stage.reactor.last.end(signal=9)
    assert stage.process.stop().called
    stage.reactor.advance(100)
    assert len(stage.reactor.processes) == 1


STEPS = ("want", "done", "stop", "end", "wait", "full", "reactor")


@example(["reactor", "want", "done", "end"])
@example(["reactor", "want", "done", "want", "end", "end", "wait"])
@example(["reactor", "want", "stop", "end"])
@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_in_any_order_of_events_at_most_one_process_runs_and_a_stop_ends_it(steps):
    """And its owner hears of each end, while it still counts."""
    stage = Stage()
    waiting: list[Callable[[], object]] = []
    stage.reactor.waiting = waiting
    stopped = None

    def running() -> list[Spawned]:
        return [one for one in stage.reactor.processes if not one.protocol.over]

    with logged():
        for step in [*steps, "reactor", "stop"]:
            if step == "want":
                stage.process.start_or_update()
            elif step == "done":
                stage.process.end_until_needed()
            elif step == "stop":
                stopped = stage.process.stop()
            elif step == "end":
                for one in running():
                    one.end(status=1)
            elif step == "wait":
                stage.reactor.advance(WELL)
            elif step == "full":
                stage.reactor.full = not stage.reactor.full
            else:
                stage.reactor.waiting = None
                while waiting:
                    waiting.pop(0)()
            assert len(running()) <= 1
            assert stage.ends == [*range(1, stage.over + 1)]
        stage.reactor.advance(END + 1)
    assert stopped is not None and stopped.called and not running()
