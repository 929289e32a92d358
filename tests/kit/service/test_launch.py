"""A service that needs its time to start, under each of the programs that start one."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.service.launch import start_failure_message, take_status_pipe
from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE

PLUGIN = """
from pathlib import Path
from threading import Event, Thread
from twisted.internet import reactor
from twisted.internet.task import deferLater
from logsrv.kit import ConfigurationError, LineProtocol, option, protocol_plugin, TEXT
import attrs

@attrs.frozen(kw_only=True)
class Options:
    fails: str = option("", TEXT, "how")

class Slow:
    def __init__(self, service):
        self.fails = service.settings.fails
        self.service = service
        if self.fails == "made":
            raise ConfigurationError("the moon is missing")

    async def start(self):
        await deferLater(reactor, 0.2)
        if self.fails == "thread":
            # One that nobody ends, as database clients have.
            Thread(target=Event().wait).start()
        if self.fails == "bug":
            1 / 0
        if self.fails == "never":
            Path("begun").touch()
            await deferLater(reactor, 600)
        if self.fails:
            raise ConfigurationError("the moon is missing")
        Path("started").write_text("in the process that serves")

class Echo(LineProtocol):
    def line_received(self, line):
        self.send_line(line)

slow = protocol_plugin("slow", Echo, Options, state=Slow, listen="tcp:0:interface=127.0.0.1")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "slow_plugin.py").write_text(PLUGIN)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


LOGSRV = (sys.executable, "-m", "logsrv.cli.main")
DAEMON = (*TWISTD, "--pidfile=slow.pid", "--logfile=slow.twistd.log", "slow")


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[int]:
    """The daemon of the folder, ended at last; gives its process id."""
    number = int((folder / "slow.pid").read_text())
    try:
        yield number
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)
        wait_until(lambda: not (folder / "slow.pid").exists(), "its end")


@pytest.mark.slow
@pytest.mark.complains("--inspect-python is ignored")
def test_a_daemon_has_started_when_its_command_returns(folder):
    """What it ignores of its options stands in its log."""
    assert run(folder, *DAEMON, "--inspect-python").returncode == 0
    with daemon(folder):
        log = (folder / "slow.twistd.log").read_text()
        assert "slow is ready" in log
        assert (
            "command line: --inspect-python is ignored, because it needs --inspect, which is not given"
            in log
        )
        assert (folder / "started").exists()


@pytest.mark.slow
@pytest.mark.complains("cannot start")
@pytest.mark.parametrize("fails", ["made", "start", pytest.param("thread", marks=pytest.mark.long)])
def test_a_daemon_whose_start_fails(folder, fails):
    """The command says why and has status 1; the log has the whole sentence, and nothing is left."""
    done = run(folder, *DAEMON, "--fails", fails)
    assert done.returncode == 1
    assert "slow: the moon is missing" in done.stderr
    log = (folder / "slow.twistd.log").read_text()
    assert "slow cannot start: the moon is missing" in log
    assert "is ready" not in log
    wait_until(lambda: not (folder / "slow.pid").exists(), "its end")


@pytest.mark.slow
def test_a_daemon_that_is_stopped_before_it_is_ready(folder):
    with subprocess.Popen(
        [*DAEMON, "--fails", "never"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        wait_until(lambda: (folder / "begun").exists(), "the start")
        assert waiting.poll() is None
        with daemon(folder):
            pass
        assert waiting.stderr is not None
        assert "slow: was stopped before it was ready" in waiting.stderr.read()
    assert waiting.returncode == 1


@pytest.mark.slow
def test_a_command_that_waits_for_its_daemon_ends_by_a_signal(folder):
    """It does not remember the signal, as the daemon does."""
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([*DAEMON, "--fails", "never"], cwd=folder, env=environment) as waiting:
        wait_until(lambda: (folder / "begun").exists(), "the start")
        with daemon(folder):
            waiting.terminate()
            assert waiting.wait(PATIENCE) == -signal.SIGTERM


COMMANDS = {
    "twistd": (*TWISTD, "-n", "--pidfile=", "slow"),
    "twist": (sys.executable, "-m", "twisted", "slow"),
    "run": (*LOGSRV, "run", "twisted/plugins/slow_plugin.py"),
}
FAILS = ("thread", "made", "start")
# In CI each command fails once, and each failure comes once.
STARTS = [
    pytest.param(
        command,
        fails,
        id=f"{fails}-{name}",
        marks=() if FAILS[index] == fails else (pytest.mark.long, pytest.mark.nightly),
    )
    for index, (name, command) in enumerate(COMMANDS.items())
    for fails in FAILS
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "fails"), STARTS)
def test_a_start_that_fails_ends_the_process(folder, command, fails):
    done = run(folder, *command, "--fails", fails)
    assert done.returncode == 1
    # Before the reactor runs, standard error is the log, for twistd.
    shown = done.stdout + done.stderr if fails == "made" else done.stderr
    assert re.search("slow: the moon is missing$", shown, re.MULTILINE)
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "options", "said"),
    [
        ("greet", ["-n", "--pidfile=missing/x.pid"], "cannot write its pid file {}/missing/x.pid"),
        ("logsrv", ["-n", "--pidfile=missing/x.pid"], "or --pidfile= for none"),
        (
            "greet",
            ["--pidfile=", "--logfile=missing/twistd.log"],
            "cannot write its log missing/twistd.log",
        ),
    ],
)
def test_files_of_twistd_that_cannot_be_written(tmp_path, plugin, options, said):
    """One sentence and status 1, before anything is opened."""
    done = run(tmp_path, *TWISTD, *options, plugin)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{plugin}: twistd ") and done.stderr.count("\n") == 1
    assert said.format(tmp_path) in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_bug_in_the_start_ends_the_process(folder):
    done = run(folder, *TWISTD, "-n", "--pidfile=", "slow", "--fails", "bug")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "twisted/plugins/slow_plugin.py" in done.stdout


def test_the_pipe_to_the_parent_is_taken_where_there_is_one():
    options = {"statusPipe": 7, "nodaemon": 0}
    assert take_status_pipe(options) == 7
    assert take_status_pipe(options) is None
    assert take_status_pipe(None) is None
    # The parent reads it at once.
    assert len(start_failure_message("ü" * 1000)) == 512
    assert start_failure_message("no moon") == b"1 no moon"
    assert start_failure_message("\x1b[31m") == rb"1 \x1b[31m", "it is shown in a terminal"
