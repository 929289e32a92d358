"""What the service manager of a process hears, from its start to its stop."""

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.service._manager import (
    Heartbeat,
    ServiceManager,
    take_watchdog_seconds,
    waits_for_device,
)
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.managers import FakeManager
from tests.parts.waits import join


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    with FakeManager(tmp_path) as made:
        yield made


def test_a_status_is_told_when_it_has_changed(manager):
    clock, said = Clock(), ["1 listener"]
    service = ServiceManager(manager.environment, clock)
    service.report_ready(lambda: said[-1])
    clock.pump([5, 5])
    said.append("2 listeners")
    clock.pump([5, 5])
    service.report_stopping(40)
    # The peers leave one after the other.
    said.append("no listener")
    clock.pump([5, 5])
    service.report_vacated()
    manager.read()
    assert manager.messages == [
        {"READY": "1", "STATUS": "1 listener"},
        {"STATUS": "2 listeners"},
        {"STOPPING": "1", "STATUS": "stopping", "EXTEND_TIMEOUT_USEC": "50000000"},
        {"X_VACATED": "1"},
    ]


def test_a_refused_reload_stays_in_the_status_until_one_is_done(manager):
    clock = Clock()
    service = ServiceManager(manager.environment, clock)
    service.report_ready(lambda: f"{clock.seconds():.0f} s")
    before = time.monotonic_ns() // 1000
    service.report_reloading()
    service.report_reloaded("no\nport")
    clock.advance(5)
    service.report_reloading()
    service.report_reloaded()
    manager.read()
    _, begun, refused, later, _, done = manager.messages
    assert begun["RELOADING"] == "1"
    assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert refused == {"READY": "1", "STATUS": "0 s; the last reload was refused: no …"}
    assert later["STATUS"].startswith("5 s; the last reload was refused")
    assert done == {"READY": "1", "STATUS": "5 s"}
    service.report_stopping(1)


def test_only_a_reload_that_was_asked_for_is_answered_to_the_unit(manager, tmp_path):
    """One that had begun before may have read an older file."""
    run = tmp_path / "run"
    run.mkdir()
    settings = {**manager.environment, "RUNTIME_DIRECTORY": f"{run}:/run/other"}
    service = ServiceManager(settings, Clock())
    service.report_ready(lambda: "")
    service.report_reloading()
    (run / "reload-asked").touch()
    service.report_reloaded()
    assert os.listdir(run) == ["reload-asked"]
    service.report_reloading()
    service.report_reloaded("no\nport \udcff")
    assert os.listdir(run) == ["reload-result"]
    assert (run / "reload-result").read_text() == "no\nport \\udcff\n"
    (run / "reload-asked").touch()
    service.report_reloading()
    service.report_reloaded()
    assert (run / "reload-result").read_text() == ""


def test_an_answer_that_cannot_be_written_is_logged(manager, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    service = ServiceManager({**manager.environment, "RUNTIME_DIRECTORY": str(run)}, Clock())
    (run / "reload-asked").touch()
    service.report_reloading()
    run.rmdir()
    with capturedLogs() as captured:
        service.report_reloaded()
    assert "systemctl reload waits in vain" in str(formatEvent(captured[0]))


def test_a_start_that_takes_its_time_asks_for_more(manager):
    service = ServiceManager(manager.environment, Clock())
    service.report_starting()
    told = manager.wait_for(lambda one: "EXTEND_TIMEOUT_USEC" in one, "more time")
    assert told == {"EXTEND_TIMEOUT_USEC": "60000000"}
    service.report_failed("the disk is full")
    manager.wait_for(lambda one: one.get("STATUS") == "the disk is full", "the sentence")


def test_the_watchdog_hears_of_a_service_until_it_has_stopped(manager):
    clock = Clock()
    environment = {**manager.environment, "WATCHDOG_USEC": "60000000"}
    service = ServiceManager(environment, clock)
    service.report_ready(str)
    clock.advance(30)
    service.report_stopping(40)
    clock.advance(30)
    service.end_heartbeat()
    clock.advance(300)
    manager.read()
    assert [one for one in manager.messages if "WATCHDOG" in one] == [{"WATCHDOG": "1"}] * 3
    assert not environment


def test_without_a_manager_nothing_is_sent():
    clock = Clock()
    service = ServiceManager({"WATCHDOG_USEC": "1000"}, clock)
    service.report_starting()
    service.report_ready(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    service.report_reloading()
    service.report_reloaded()
    service.report_stopping(1)
    service.end_heartbeat()
    assert not clock.getDelayedCalls()


def test_the_reactor_beats_twice_in_each_time():
    clock, beats = Clock(), []
    heartbeat = Heartbeat(10, lambda: beats.append(clock.seconds()), clock)
    heartbeat.start()
    for _ in range(12):
        clock.advance(1)
    heartbeat.stop()
    clock.advance(100)
    assert beats == [0, 5, 10]


@pytest.mark.parametrize("waits", [True, False])
def test_a_silent_reactor_lives_only_while_it_waits_for_a_device(waits):
    beats, looked = [], threading.Semaphore(0)
    main = threading.get_native_id()

    def look(thread: int) -> bool:
        assert thread == main
        looked.release()
        return waits

    # Its clock stands still, as a reactor does that is blocked.
    heartbeat = Heartbeat(0.04, lambda: beats.append(1), Clock(), look)
    heartbeat.start()
    for _ in range(3):
        assert looked.acquire(timeout=PATIENCE)
    heartbeat.stop()
    assert (len(beats) > 2) is waits


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux has such files")
def test_a_thread_that_waits_for_a_device_is_recognised(tmp_path):
    """vfork(2) lets its caller wait like this until its child has begun: here with opening a pipe."""
    libc, pipe = ctypes.CDLL(None), tmp_path / "pipe"
    os.mkfifo(pipe)
    actions = ctypes.create_string_buffer(256)
    libc.posix_spawn_file_actions_init(actions)
    libc.posix_spawn_file_actions_addopen(actions, 0, bytes(pipe), os.O_RDONLY, 0)
    words = (ctypes.c_char_p * 2)(b"true", None)
    child = ctypes.c_int()
    threads: list[int] = []

    def wait() -> None:
        threads.append(threading.get_native_id())
        libc.posix_spawnp(ctypes.byref(child), b"true", actions, None, words, None)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: threads and waits_for_device(threads[0]), "a thread that waits")
    assert not waits_for_device(threading.get_native_id())
    with pipe.open("wb"):
        join(waiting)
    os.waitpid(child.value, 0)
    assert not waits_for_device(threads[0]), "it has ended"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "77"}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "1"}, 0.1),
        ({"WATCHDOG_USEC": str(2**64 - 1)}, 86_400.0),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_PID": "77"}, None),
    ],
)
def test_the_watchdog_interval_is_read_for_this_process_only(environment, seconds):
    assert take_watchdog_seconds(environment, 77) == seconds
    assert not environment
