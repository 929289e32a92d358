"""The process of a reader, from its own side: orders in, reports out, and its end."""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit.children.frames import frame_parts
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.parts.reader_child import TRY, DaemonConnection


class RecordingWork:
    """Notes what it is told. free: no other process is at it."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.free = True
        self.wrong: Exception | None = None
        self.finished = Deferred[None]()

    def lock(self, orders: bytes) -> bool:
        return self.free

    def start(self, orders: bytes) -> None:
        self.told.append((b"start", orders))
        if self.wrong is not None:
            raise self.wrong

    def change(self, orders: bytes) -> None:
        self.told.append((b"change", orders))

    def finish(self) -> Deferred[None]:
        self.told.append(b"finish")
        return self.finished


class StoppableClock(Clock):
    """A clock that is stopped once; as a reactor it runs on until the end of its turn."""

    running = True
    stopped = False

    def stop(self) -> None:
        assert not self.stopped, "a reactor refuses to be stopped twice"
        self.stopped = True


class Talk:
    """A process without the process: what the daemon says goes in, what is reported comes out."""

    def __init__(self) -> None:
        self.reactor: Any = StoppableClock()
        self.work = RecordingWork()
        self.daemon = DaemonConnection(lambda _: self.work, self.reactor)
        self.transport = StringTransport()
        self.daemon.makeConnection(self.transport)  # type: ignore[arg-type]

    def end(self) -> None:
        self.daemon.readConnectionLost()

    def say(self, line: bytes) -> None:
        self.daemon.dataReceived(b"".join(frame_parts(line)))


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_the_first_orders_start_the_work_and_others_change_it(talk):
    talk.say(b"one")
    talk.say(b"two")
    assert talk.work.told == [(b"start", b"one"), (b"change", b"two")]


def test_work_that_another_process_is_at_begins_when_that_has_ended_by_the_last_orders(talk):
    talk.work.free = False
    talk.say(b"one")
    talk.say(b"two")
    talk.reactor.advance(TRY)
    assert talk.work.told == []
    talk.work.free = True
    talk.reactor.advance(TRY)
    assert talk.work.told == [(b"start", b"two")]


def test_the_process_ends_when_the_work_is_finished(talk):
    talk.say(b"one")
    talk.end()
    assert talk.work.told[-1] == b"finish" and not talk.transport.disconnecting
    talk.work.finished.callback(None)
    assert talk.transport.disconnecting and talk.daemon.status == 0


def test_the_work_is_finished_once_though_the_daemon_dies_as_well(talk):
    talk.say(b"one")
    talk.end()
    talk.daemon.connectionLost()
    assert talk.work.told.count(b"finish") == 1


def test_a_process_whose_work_has_not_begun_ends_at_once(talk):
    talk.work.free = False
    talk.say(b"one")
    talk.end()
    assert talk.transport.disconnecting
    talk.reactor.advance(TRY)
    assert talk.work.told == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (StoreError("no store"), "no store\n"),
        (MemoryError(), "this needs more memory than the 2 GiB that it may have\n"),
        (ValueError("a fault"), "Traceback"),
    ],
)
def test_an_exception_ends_the_process_with_a_status(talk, capsys, wrong, said):
    talk.work.wrong = wrong
    talk.say(b"one")
    assert talk.transport.disconnecting and talk.daemon.status == 1
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("wrong", [StoreError("no store"), RuntimeError("oops")])
def test_a_process_that_fails_ends_though_nobody_reads_its_standard_error(talk, monkeypatch, wrong):
    """The daemon was killed meanwhile: such a process stayed for ever."""
    talk.work.wrong = wrong
    reading, writing = os.pipe()
    os.close(reading)
    with monkeypatch.context() as patch, open(writing, "w", buffering=1) as stderr:
        patch.setattr(sys, "stderr", stderr)
        talk.say(b"1")
        with suppress(OSError):
            stderr.close()
    assert talk.transport.disconnecting and talk.daemon.status == 1


def test_work_that_cannot_be_finished_is_reported_and_ended(talk, capsys):
    talk.say(b"one")
    talk.end()
    talk.work.finished.errback(ValueError("a fault"))
    assert talk.transport.disconnecting and talk.daemon.status == 1
    assert capsys.readouterr().err.endswith("ValueError: a fault\n")


def test_reports_are_messages_and_those_for_a_daemon_that_is_gone_go_nowhere(talk):
    talk.daemon.report(b"news")
    assert talk.transport.value() == b"".join(frame_parts(b"news"))
    talk.transport.disconnected = True
    talk.daemon.report(b"more")
    assert talk.transport.value() == b"".join(frame_parts(b"news"))


def test_the_reactor_stops_after_the_last_report(talk):
    talk.end()
    talk.daemon.connectionLost()
    assert talk.reactor.stopped


STEPS = ("orders", "lock", "wait", "end", "fail", "finished", "lost")


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_in_any_order_of_events_the_work_starts_and_finishes_once_and_the_process_ends(steps):
    talk = Talk()
    talk.work.free = False
    done: set[str] = set()
    for step in [*steps, "end", "lost", "finished", "finished"]:
        if step == "orders" and "end" not in done:
            talk.say(b"some")
        elif step == "lock":
            talk.work.free = not talk.work.free
        elif step == "wait":
            talk.reactor.advance(TRY)
        elif step == "end" and not done & {"end", "lost"}:
            talk.end()
        elif step == "fail":
            talk.daemon.end_after_failure(Failure(StoreError("a fault")))
        elif step == "finished" and not talk.work.finished.called:
            talk.work.finished.callback(None)
        elif step == "lost" and "lost" not in done:
            talk.transport.disconnected = True
            talk.daemon.connectionLost()
        done.add(step)
    assert talk.work.told.count((b"start", b"some")) <= 1 and talk.work.told.count(b"finish") <= 1
    assert talk.reactor.stopped


LOGGING = """
import gc, sys
from twisted.internet.defer import fail, succeed
from twisted.logger import Logger
from logsrv.linelog.parts.reader_child import run_reader_process

class Thing: ...

class Work:
    def __init__(self, daemon, reactor):
        self.report = daemon.report
    def lock(self, orders):
        return True
    def start(self, orders):
        for _ in range(100):
            Logger().error("{thing}", thing=Thing())
        fail(ValueError("nobody looks at it"))
        gc.collect()
        self.report(b"kept %d" % sum(type(one) is Thing for one in gc.get_objects()))
    def finish(self):
        return succeed(None)

sys.exit(run_reader_process(Work))
"""


@pytest.mark.slow
def test_what_twisted_logs_is_not_kept_and_an_unhandled_error_is_said():
    done = subprocess.run(
        [sys.executable, "-c", LOGGING],
        input=b"".join(frame_parts(b"go")),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"kept 0")
    assert b"nobody looks at it" in done.stderr
    assert b"Thing object" not in done.stderr
