"""A shipper asks, reads, sends and waits, and ends when it is told to, whatever its steps do."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import AttemptFailed, TargetDown, TargetUp, Trouble
from logsrv.linelog.ship.send_loop import (
    BUSY,
    LAST,
    LONGEST,
    LOOK,
    MOST_ASKED,
    QUIET,
    SETTLED,
    SHORTEST,
    RetryPauses,
)
from logsrv.linelog.ship.ship_place import RefusedLinesFile
from logsrv.linelog.ship.targets.target import ANSWER, ForeignStoreError, TooMuchAtOnce, Unavailable
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Position
from tests.parts.ship_targets import LineFarSide, Process
from tests.parts.stores import make_store


@attrs.define(eq=False)
class Steps:
    """A sender whose steps do what they are told; `done` says which were taken."""

    progress: Progress
    target: LineFarSide = attrs.field(factory=LineFarSide)
    patience: float = ANSWER
    more_to_send: bool = False
    there: bool = False
    asking: Callable[[], Deferred[None]] = lambda: succeed(None)
    sending: Callable[[], Deferred[None]] = lambda: succeed(None)
    done: list[str] = attrs.field(factory=list)

    async def find_place(self) -> None:
        self.done.append("ask")
        self.progress.is_known = True
        await self.asking()

    def prepare(self) -> bool:
        self.done.append("read")
        return self.there

    async def send(self) -> None:
        self.done.append("send")
        await self.sending()

    async def finish(self) -> None:
        self.done.append("finish")

    def missing_after_place(self) -> MissingText:
        return MissingText()

    def close(self) -> None:
        self.done.append("close")


class Driven(Process):
    """A shipper with such steps."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.ship(self.make_steps)
        self.start, self.stop = self.send_loop.start, self.send_loop.stop

    def make_steps(self, progress: Progress) -> Steps:
        self.steps = Steps(progress)
        return self.steps


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    driven = Driven(make_store(tmp_path, [[]]))
    yield driven
    driven.stop()
    driven.clock.advance(2 * LAST)
    assert not driven.clock.getDelayedCalls()


def raising(*_: object) -> Deferred[None]:
    raise ZeroDivisionError("a bug")


def test_it_looks_again_soon_and_asks_when_it_was_quiet_for_long(driven):
    driven.start()
    assert driven.steps.done == ["ask", "read"]
    driven.clock.pump([LOOK] * 5)
    assert driven.steps.done == ["ask"] + ["read"] * 6
    driven.clock.pump([LOOK] * round(QUIET / LOOK))
    assert driven.steps.done.count("ask") == 2
    assert driven.reports.kinds == [TargetUp]


def test_a_target_that_gets_something_now_and_then_is_not_asked_again(driven):
    """What it acknowledges says that it has all."""
    driven.start()
    for _ in range(5):
        driven.steps.there = True
        driven.clock.advance(LOOK)
        driven.steps.there = False
        driven.clock.pump([LOOK] * round(QUIET / LOOK / 2))
    assert driven.steps.done.count("ask") == 1


def test_what_is_there_is_sent_at_once_and_the_reactor_has_its_turn_between(driven):
    turns: list[int] = []

    def send() -> Deferred[None]:
        driven.clock.callLater(0, turns.append, driven.steps.done.count("send"))
        driven.steps.there = driven.steps.more_to_send = len(turns) < 20
        return succeed(None)

    driven.steps.there, driven.steps.sending = True, send
    driven.start()
    driven.clock.advance(0)
    assert turns == list(range(1, 22))
    assert driven.clock.seconds() == 0


@pytest.mark.parametrize("step", ["asking", "sending"])
def test_a_bug_in_a_step_is_tried_again_and_said(driven, step):
    driven.steps.there = True
    setattr(driven.steps, step, raising)
    with capturedLogs() as events:
        driven.start()
        driven.clock.pump([0.1] * 5)
    assert driven.reports.of(AttemptFailed)[0].reason == "error"
    assert driven.reports.of(TargetDown)[0].why == "ZeroDivisionError: a bug"
    setattr(driven.steps, step, lambda: succeed(None))
    driven.clock.pump([1.0] * 5)
    assert driven.reports.kinds[-1] == TargetUp
    assert events[0]["log_failure"].type is ZeroDivisionError


def test_a_shipper_can_be_stopped_before_its_start(driven):
    assert driven.stop().called
    assert driven.steps.done[-1] == "close"


def moving(driven: Driven, answer: Deferred[None]) -> Callable[[], Deferred[None]]:
    """A step of sending whose answer moves the place."""
    progress = driven.send_loop.progress
    return lambda: answer.addCallback(lambda _: setattr(progress, "position", Position(7, 3)))


def test_an_answer_that_comes_within_the_end_counts(driven, tmp_path):
    answer: Deferred[None] = Deferred()
    driven.steps.there, driven.steps.sending = True, moving(driven, answer)
    driven.start()
    stopped = driven.stop()
    assert not stopped.called
    answer.callback(None)
    assert stopped.called
    assert '"position":"7:3"' in (tmp_path / "ship" / "far").read_text()


@pytest.mark.parametrize("step", ["asking", "sending"])
def test_a_target_that_answers_while_its_call_is_cancelled_ends_nothing_but_that_call(
    driven, step, tmp_path
):
    """As one whose answer arrives while the connection is closed: it counts, and no more is sent."""
    answer: Deferred[None] = Deferred(lambda cancelled: cancelled.callback(None))
    driven.steps.there = True
    setattr(driven.steps, step, moving(driven, answer))
    driven.start()
    stopped = driven.stop()
    driven.clock.advance(LAST)
    driven.clock.advance(0)
    assert stopped.called
    assert driven.steps.done.count("send") == (step == "sending")
    assert '"position":"7:3"' in (tmp_path / "ship" / "far").read_text()


def test_a_target_that_answers_when_its_time_is_over_is_asked_again(driven):
    answer: Deferred[None] = Deferred(lambda cancelled: cancelled.callback(None))
    driven.steps.there, driven.steps.sending = True, moving(driven, answer)
    driven.start()
    driven.clock.advance(ANSWER)
    driven.steps.sending = lambda: succeed(None)
    driven.clock.advance(SHORTEST)
    assert driven.reports.of(AttemptFailed)[0].why == "no answer within 30 s"
    assert driven.steps.done == ["ask", "read", "send"] * 2
    assert driven.position == Position(7, 3)


def test_a_target_that_does_not_let_go_is_not_waited_for(driven, monkeypatch):
    monkeypatch.setattr(LineFarSide, "close", lambda _: Deferred())
    driven.start()
    stopped = driven.stop()
    driven.clock.advance(LAST - 0.1)
    assert not stopped.called
    driven.clock.advance(0.1)
    assert stopped.called


def test_the_place_is_saved_before_a_target_that_does_not_let_go_is_waited_for(
    driven, tmp_path, monkeypatch
):
    """A service manager may kill the process meanwhile, and the next one would send more again."""
    monkeypatch.setattr(LineFarSide, "close", lambda _: Deferred())
    driven.start()
    driven.stop()
    assert (tmp_path / "ship" / "far").exists() and driven.steps.done[-1] == "close"
    driven.clock.advance(LAST)


def test_a_place_whose_lines_are_not_safe_is_not_saved(driven, tmp_path, monkeypatch):
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(RefusedLinesFile, "sync", full)
        driven.start()
        driven.clock.pump([1.0] * 4)
        assert not (tmp_path / "ship" / "far").exists()
        assert len(driven.reports.of(Trouble)) == 1
    driven.clock.pump([1.0] * 4)
    assert (tmp_path / "ship" / "far").exists()


def test_a_folder_that_cannot_be_made_is_told_and_lines_go_on(driven, tmp_path):
    (tmp_path / "ship").write_text("")
    driven.steps.there = True
    driven.start()
    assert driven.steps.done[:3] == ["ask", "read", "send"]
    assert "cannot be locked: Not a directory" in driven.reports.of(Trouble)[0].why


def test_pauses_grow_up_to_a_half_minute_and_begin_anew():
    pauses = RetryPauses(lambda: 1.0)
    found = [pauses.next_pause() for _ in range(12)]
    assert found == [min(SHORTEST * 2**number, LONGEST) for number in range(12)]
    pauses.reset()
    assert pauses.next_pause() == SHORTEST


def test_many_shippers_do_not_come_back_all_at_once():
    dice = random.Random(1).random
    many = [RetryPauses(dice) for _ in range(100)]
    for _ in range(12):
        found = [one.next_pause() for one in many]
    assert LONGEST / 2 <= min(found) < LONGEST * 0.6 and LONGEST * 0.9 < max(found) <= LONGEST


def test_a_target_is_given_the_pause_that_it_asks_for():
    pauses = RetryPauses(lambda: 0.0)
    assert pauses.next_pause(after=7.0) == 7.0
    assert pauses.next_pause(after=1e9) == MOST_ASKED
    # One that asks for none is not asked in a tight loop.
    assert pauses.next_pause(after=0.0) == SHORTEST * 2
    assert pauses.next_pause(settled=True) == SETTLED


def busy() -> Deferred[None]:
    raise Unavailable("a block of this store is being stored; ask again", busy=True)


def test_a_target_that_asks_to_be_tried_again_now_and_then_is_not_down(driven):
    """A target that limits the rate (429), a centre under load (503), a stream that is being emptied."""
    steps = driven.steps
    driven.start()
    steps.there = True
    well = steps.sending
    for _ in range(50):
        steps.sending = busy
        driven.clock.advance(LOOK)
        steps.sending = well
        driven.clock.pump([0.1] * 5)
    assert TargetDown not in driven.reports.kinds
    assert driven.reports.kinds.count(TargetUp) == 1
    assert driven.reports.kinds.count(AttemptFailed) >= 20


def test_a_target_that_is_busy_for_long_is_down(driven):
    driven.steps.asking = busy
    driven.start()
    driven.clock.pump([0.5] * round(BUSY * 1.5))
    assert TargetDown not in driven.reports.kinds
    driven.clock.pump([0.5] * round(BUSY * 3))
    assert driven.reports.kinds.count(TargetDown) == 1
    assert driven.reports.kinds.count(TargetUp) == 0


def test_a_busy_target_that_fails_otherwise_is_down_at_once(driven):
    driven.steps.asking = busy
    driven.start()
    driven.steps.asking = raising_unavailable
    driven.clock.advance(SHORTEST)
    assert driven.reports.kinds.count(TargetDown) == 1


def raising_unavailable() -> Deferred[None]:
    raise Unavailable("cannot be reached")


FAILURES = (
    Unavailable("away"),
    ForeignStoreError("another store"),
    TooMuchAtOnce("smaller"),
    StoreError("damaged"),
    OSError("a fault"),
)
WAITS = (0.0, LOOK, SHORTEST, QUIET, SETTLED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(("answer", "fail", "there", "lock", "stop", *FAILURES, *WAITS)),
        max_size=12,
    )
)
def test_in_any_order_of_events_the_loop_ends_without_an_error_of_its_own(tmp_path, steps):
    """Answers and failures come at any time, also while it stops."""
    directory = tmp_path / "store"
    if not directory.exists():
        make_store(directory, [[]])
    driven, other = Driven(directory), Process(directory, "far")
    waiting: list[Deferred[None]] = []
    failure: list[Exception] = []

    def step_of_target() -> Deferred[None]:
        if failure:
            raise failure.pop()
        waiting.append(Deferred())
        return waiting[-1]

    driven.steps.asking = driven.steps.sending = step_of_target
    with capturedLogs():
        ended, stopped = driven.start(), None
        for step in steps:
            if step == "answer":
                for one in waiting:
                    if not one.called:
                        one.callback(None)
            elif step == "fail":
                for one in waiting:
                    if not one.called:
                        one.errback(Unavailable("lost"))
            elif step == "there":
                driven.steps.there = not driven.steps.there
            elif step == "lock":
                if other.kept.lock():
                    other.kept.close()
            elif step == "stop":
                stopped = driven.stop()
            elif isinstance(step, Exception):
                failure[:] = [step]
            else:
                driven.clock.advance(step)
        stopped = driven.stop()
        driven.clock.pump([1.0] * round(3 * LAST))
    results: list[object] = []
    ended.addBoth(results.append)
    assert stopped.called and driven.steps.done[-1] == "close"
    assert results in ([None], []), results
    driven.kill()
    other.kill()
