"""What signals do to a service, by the table of the module."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest

from logsrv.kit.service._signals import Signals
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.waits import line_of


class Reactor:
    """Calls at once."""

    def callFromThread(self, function: Callable[..., object], *arguments: object) -> None:
        function(*arguments)


@pytest.fixture
def signals() -> Iterator[Signals]:
    made = Signals(Reactor())  # type: ignore[arg-type]
    yield made
    made.restore_handlers()


def test_sighup_before_ready_is_done_when_it_is(signals):
    """Not lost, and it ends nothing, as it would by default."""
    calls: list[str] = []
    signals.remember_hangups()
    signal.raise_signal(signal.SIGHUP)
    assert calls == []
    signals.reload_on_hangup(lambda: calls.append("reload"))
    assert calls == ["reload"]
    signal.raise_signal(signal.SIGHUP)
    assert calls == ["reload", "reload"]


def test_a_storm_of_sighup_is_one_reload():
    """With one for each, slow reloads queued up for hours, and a stop behind them."""
    waiting: list[Callable[[], object]] = []
    signals = Signals(Mock(callFromThread=waiting.append))
    calls: list[str] = []
    signals.reload_on_hangup(lambda: calls.append("reload"))
    for _ in range(3):
        for _ in range(100):
            signal.raise_signal(signal.SIGHUP)
        [turn] = waiting
        waiting.clear()
        turn()
    signals.restore_handlers()
    assert calls == ["reload"] * 3


def test_a_sighup_while_the_settings_are_read_is_a_reload_of_its_own():
    """They may have been changed behind the place that was read."""
    waiting: list[Callable[[], object]] = []
    signals = Signals(Mock(callFromThread=waiting.append))
    calls: list[str] = []

    def reload() -> None:
        calls.append("reload")
        if len(calls) == 1:
            signal.raise_signal(signal.SIGHUP)

    signals.reload_on_hangup(reload)
    signal.raise_signal(signal.SIGHUP)
    for turn in waiting:
        turn()
    signals.restore_handlers()
    assert calls == ["reload"] * 2


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_reactor_is_told_once_to_stop():
    """Ctrl-C twice, before it had come to the first, was a traceback: it cannot be stopped twice."""

    class Stopped(Reactor):
        stops = 0

        def stop(self, number: int, frame: object) -> None:
            self.stops += 1

    reactor, told = Stopped(), []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, reactor.stop)
    signals = Signals(reactor)  # type: ignore[arg-type]
    signals.reload_on_hangup(lambda: None)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(number)
    assert reactor.stops == 1
    signals.answer_stop_signals(60, lambda: told.append("told"))
    signal.raise_signal(signal.SIGINT)
    assert (reactor.stops, told) == (1, ["told"])
    signals.restore_handlers()
    assert signal.getsignal(signal.SIGINT) == reactor.stop


def test_signals_during_a_stop_only_report_it(signals):
    """SIGHUP does nothing, and who asks again for a stop is told that it is under way."""
    calls: list[str] = []
    signals.reload_on_hangup(lambda: calls.append("reload"))
    signals.answer_stop_signals(60, lambda: calls.append("told"))
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.raise_signal(number)
    assert calls == ["told", "told"]


def test_out_of_time_it_ends_the_process():
    """Code that never returns keeps no operator from stopping it."""
    program = (
        "from logsrv.kit.service._signals import Signals\n"
        "signals = Signals(None)\n"
        "signals.answer_stop_signals(-1, None)\n"
        "print('endless', flush=True)\n"
        "while True: pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and line_of(child.stdout) == b"endless\n"
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(PATIENCE) == -signal.SIGTERM
