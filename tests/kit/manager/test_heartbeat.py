"""Signs of life: from the reactor, or from another thread while the reactor's waits for a device."""

import ctypes
import os
import threading
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from logsrv.kit.manager.heartbeat import Heartbeat, take_watchdog_seconds, waits_for_device
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE


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

    def look(thread: int) -> bool:
        assert thread == threading.main_thread().native_id
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
        waiting.join()
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
