"""The parent of an alert's command: its status, and the end of all that the command has started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts import subreaper
from tests.linelog.alerts.test_command import alive

SUBREAPER = (sys.executable, "-I", "-S", subreaper.__file__)
# A program in a session of its own that has lost its parent.
FAR = "(setsid sh -c 'echo $$ >pid; exec sleep 600' &); "


def run(directory: Path, code: str) -> subprocess.Popen[bytes]:
    words = (*SUBREAPER, str(os.getpid()), "sh", "-c", code)
    return subprocess.Popen(words, cwd=directory, stdout=subprocess.DEVNULL)


def far(directory: Path) -> int:
    pid = directory / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip(), "its start")
    return int(pid.read_text())


@pytest.mark.parametrize(("code", "status"), [("exit 3", 3), ("kill -ABRT $$", -signal.SIGABRT)])
def test_the_subreaper_ends_as_its_command_does(tmp_path, code, status):
    assert run(tmp_path, code).wait(PATIENCE) == status


def test_stdin_is_the_commands_alone(tmp_path):
    """Whoever writes to it sees that the command has closed it, while the command goes on."""
    words = (*SUBREAPER, str(os.getpid()), "sh", "-c", "exec <&-; exec 2>&-; exec sleep 600")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe) as process:
        assert process.stderr is not None and process.stdin is not None
        try:
            assert process.stderr.read() == b""
            with pytest.raises(BrokenPipeError):
                os.write(process.stdin.fileno(), b"x")
        finally:
            process.terminate()


@pytest.mark.parametrize("number", subreaper.END_SIGNALS)
def test_a_signal_ends_processes_that_left_the_session(tmp_path, number):
    process = run(tmp_path, FAR + "sleep 600")
    pid = far(tmp_path)
    process.send_signal(number)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert not alive(pid)


def test_the_command_ends_when_the_subreaper_is_killed(tmp_path):
    """Another is started for the same message, and there is one at a time."""
    process = run(tmp_path, "trap '' TERM HUP; echo $$ >pid; while :; do sleep 1; done")
    pid = far(tmp_path)
    process.kill()
    process.wait(PATIENCE)
    try:
        wait_until(lambda: not alive(pid), "the end of the command")
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_processes_left_in_the_background_by_a_command_stay(tmp_path):
    process = run(tmp_path, FAR)
    pid = far(tmp_path)
    assert process.wait(PATIENCE) == 0 and alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_the_subreaper_ends_all_when_its_parent_is_killed(tmp_path):
    code = (
        "import os, subprocess, sys, time; "
        f"subprocess.Popen([*{SUBREAPER!r}, str(os.getpid()), 'sh', '-c', {FAR + 'sleep 600'!r}],"
        " stdout=subprocess.DEVNULL); time.sleep(600)"
    )
    parent = subprocess.Popen((sys.executable, "-c", code), cwd=tmp_path)
    pid = far(tmp_path)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(pid), "its end")
