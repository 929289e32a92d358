"""A timer makes one call, unless it is restarted or stopped."""

from twisted.internet.task import Clock

from logsrv.timer import Timer


def test_the_call_is_made_once_with_its_arguments():
    clock, calls = Clock(), list[int]()
    timer = Timer(clock)
    timer.start(2, calls.append, 7)
    clock.advance(1)
    assert timer.running
    assert not calls
    clock.advance(1)
    assert calls == [7]
    assert not timer.running
    timer.stop()


def test_a_restarted_timer_forgets_its_earlier_call():
    clock, calls = Clock(), list[str]()
    timer = Timer(clock)
    timer.start(2, calls.append, "first")
    clock.advance(1)
    timer.start(2, calls.append, "second")
    clock.advance(1)
    assert not calls
    clock.advance(1)
    assert calls == ["second"]


def test_a_stopped_timer_makes_no_call():
    clock, calls = Clock(), list[int]()
    timer = Timer(clock)
    timer.stop()
    timer.start(2, calls.append, 7)
    timer.stop()
    assert not timer.running
    assert not clock.getDelayedCalls()


def test_the_call_itself_may_restart_the_timer():
    """The timer is not running during its call."""
    clock, seen = Clock(), list[bool]()
    timer = Timer(clock)

    def beat() -> None:
        seen.append(timer.running)
        timer.start(1, beat)

    timer.start(1, beat)
    clock.pump([1, 1, 1])
    assert seen == [False, False, False]
    assert timer.running
