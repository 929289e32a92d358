"""The loop of a shipper: each state is left, whatever the steps and those who listen do."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from logsrv.linelog.ship.loop import (
    BUSY,
    LAST,
    LONGEST,
    LOOK,
    MOST_ASKED,
    NEXT,
    QUIET,
    SETTLED,
    SHORTEST,
    RetryPauses,
    ShipLoop,
)
from logsrv.linelog.ship.messages import ShipReport
from logsrv.linelog.ship.ship_place import RefusedLinesFile, ShipPlace
from logsrv.linelog.ship.target import LineTarget, Unavailable
from logsrv.linelog.store.segment import Position
from tests.parts.ship_targets import STORE, LineFarSide, Reports


@attrs.define(eq=False, kw_only=True)
class Steps(ShipLoop[LineTarget]):
    """A loop whose steps do what they are told; `done` says which were taken."""

    more_to_send: bool = False
    there: bool = False
    asking: Callable[[], Deferred[None]] = lambda: succeed(None)
    sending: Callable[[], Deferred[None]] = lambda: succeed(None)
    closing: Callable[[], Deferred[None]] = lambda: succeed(None)
    done: list[str] = attrs.field(factory=list)

    def find_place(self) -> Deferred[None]:
        self.done.append("ask")
        return self.asking()

    def prepare_send(self) -> bool:
        self.done.append("read")
        return self.there

    def send_prepared(self) -> Deferred[None]:
        self.done.append("send")
        return self.sending()

    def close(self) -> Deferred[None]:
        self.done.append("close")
        return self.closing()


@attrs.define
class Driven:
    """A loop with its clock and its reports."""

    directory: Path
    clock: Clock = attrs.field(factory=Clock)
    reports: Reports = attrs.field(factory=Reports)
    listener: Callable[[ShipReport], object] = lambda _: None
    loop: Steps = attrs.Factory(
        lambda self: Steps(
            target=LineFarSide(),
            kept=ShipPlace(str(self.directory), "far", target="far:", clock=lambda: 1e9),
            store=STORE,
            clock=self.clock,
            random=lambda: 1.0,
            report=self.heard,
        ),
        takes_self=True,
    )

    def heard(self, report: ShipReport) -> None:
        self.reports(report)
        self.listener(report)


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    driven = Driven(tmp_path)
    yield driven
    driven.loop.stop()
    driven.clock.advance(2 * LAST)
    assert not driven.clock.getDelayedCalls()


def raising(*_: object) -> Deferred[None]:
    raise ZeroDivisionError("a bug")


def test_each_state_can_be_left_to_the_end():
    states = {state for state, _ in NEXT} - {"ENDING"}
    assert {state for state, event in NEXT if event == "stop"} == states
    assert set(NEXT.values()) - states == {"ENDING", "STOPPED"}


def test_it_looks_again_soon_and_asks_when_it_was_quiet_for_long(driven):
    driven.loop.start()
    assert driven.loop.done == ["ask", "read"]
    driven.clock.pump([LOOK] * 5)
    assert driven.loop.done == ["ask"] + ["read"] * 6
    driven.clock.pump([LOOK] * round(QUIET / LOOK))
    assert driven.loop.done.count("ask") == 2
    assert driven.reports.kinds == ["up"]


def test_what_is_there_is_sent_at_once_and_the_reactor_has_its_turn_between(driven):
    turns: list[int] = []

    def send() -> Deferred[None]:
        driven.clock.callLater(0, turns.append, driven.loop.done.count("send"))
        driven.loop.there = driven.loop.more_to_send = len(turns) < 20
        return succeed(None)

    driven.loop.there, driven.loop.sending = True, send
    driven.loop.start()
    driven.clock.advance(0)
    assert turns == list(range(1, 22))
    assert driven.clock.seconds() == 0


@pytest.mark.parametrize("step", ["asking", "sending"])
def test_a_bug_in_a_step_is_tried_again_and_said(driven, step):
    driven.loop.there = True
    setattr(driven.loop, step, raising)
    with capturedLogs() as events:
        driven.loop.start()
        driven.clock.pump([0.1] * 5)
    assert driven.reports.of("retry")[0].reason == "error"
    assert driven.reports.of("down")[0].why == "ZeroDivisionError: a bug"
    setattr(driven.loop, step, lambda: succeed(None))
    driven.clock.pump([1.0] * 5)
    assert driven.reports.kinds[-1] == "up"
    assert events[0]["log_failure"].type is ZeroDivisionError


def test_an_error_in_a_receiver_of_reports_does_not_end_the_loop(driven):
    heard: list[str] = []

    def listener(report: ShipReport) -> None:
        heard.append(report.kind)
        if len(heard) == 1:
            raising()

    driven.listener = listener
    driven.loop.there = True
    with capturedLogs() as events:
        driven.loop.start()
        driven.clock.pump([LONGEST] * 3)
    assert driven.loop.done.count("send") > 2
    assert len(events) == 1


@pytest.mark.parametrize("kind", ["up", "down", "retry"])
def test_a_receiver_of_reports_may_stop_the_loop(driven, kind):
    if kind != "up":
        driven.loop.asking = _gone
    driven.listener = lambda report: report.kind == kind and driven.loop.stop()
    driven.loop.start()
    assert driven.loop.done[-1] == "close"
    assert driven.loop.stop().called and not driven.clock.getDelayedCalls()


def _gone() -> Deferred[None]:
    raise Unavailable("gone")


def test_a_loop_can_be_stopped_before_its_start(driven):
    assert driven.loop.stop().called
    assert driven.loop.done == ["close"]


def test_an_answer_that_comes_within_the_end_counts(driven, tmp_path):
    answer: Deferred[None] = Deferred()

    def taken() -> Deferred[None]:
        return answer.addCallback(lambda _: setattr(driven.loop, "position", Position(7, 3)))

    driven.loop.there, driven.loop.sending = True, taken
    driven.loop.start()
    stopped = driven.loop.stop()
    assert not stopped.called
    answer.callback(None)
    assert stopped.called
    assert '"position":"7:3"' in (tmp_path / "ship" / "far").read_text()


def test_a_target_that_does_not_let_go_is_not_waited_for(driven):
    driven.loop.closing = Deferred
    driven.loop.start()
    stopped = driven.loop.stop()
    driven.clock.advance(LAST - 0.1)
    assert not stopped.called
    driven.clock.advance(0.1)
    assert stopped.called


def test_a_place_whose_lines_are_not_safe_is_not_saved(driven, tmp_path, monkeypatch):
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    driven.loop.position = Position(7, 3)
    with monkeypatch.context() as patched:
        patched.setattr(RefusedLinesFile, "sync", full)
        driven.loop.start()
        driven.clock.pump([1.0] * 4)
        assert not (tmp_path / "ship" / "far").exists()
        assert len(driven.reports.of("trouble")) == 1
    driven.clock.pump([1.0] * 4)
    assert (tmp_path / "ship" / "far").exists()


def test_a_folder_that_cannot_be_made_is_told_and_lines_go_on(driven):
    (driven.directory / "ship").write_text("")
    driven.loop.there = True
    driven.loop.start()
    assert driven.loop.done[:3] == ["ask", "read", "send"]
    assert "cannot be locked: Not a directory" in driven.reports.of("trouble")[0].why


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
    loop = driven.loop
    loop.start()
    loop.there = True
    well = loop.sending
    for _ in range(50):
        loop.sending = busy
        driven.clock.advance(LOOK)
        loop.sending = well
        driven.clock.pump([0.1] * 5)
    assert "down" not in driven.reports.kinds
    assert driven.reports.kinds.count("up") == 1
    assert driven.reports.kinds.count("retry") >= 20


def test_a_target_that_is_busy_for_long_is_down(driven):
    driven.loop.asking = busy
    driven.loop.start()
    driven.clock.pump([0.5] * round(BUSY * 1.5))
    assert "down" not in driven.reports.kinds
    driven.clock.pump([0.5] * round(BUSY * 3))
    assert driven.reports.kinds.count("down") == 1
    assert driven.reports.kinds.count("up") == 0


def test_a_busy_target_that_fails_otherwise_is_down_at_once(driven):
    driven.loop.asking = busy
    driven.loop.start()
    driven.loop.asking = raising_unavailable
    driven.clock.advance(SHORTEST)
    assert driven.reports.kinds.count("down") == 1


def raising_unavailable() -> Deferred[None]:
    raise Unavailable("cannot be reached")
