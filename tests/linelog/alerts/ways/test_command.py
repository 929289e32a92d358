"""The program that gets an alert: its input, variables, failures and end; and its parent."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts.message import UndeliveredMessage
from logsrv.linelog.alerts.ways import command, subreaper
from tests.parts.reactor import REACTOR, until


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


async def failure(words: tuple[str, ...], reactor: Any = REACTOR) -> str:
    with pytest.raises(UndeliveredMessage) as caught:
        await command.run_command(words, b"", {}, reactor=reactor, seconds=30)
    return str(caught.value)


class Stopped(Clock):
    """The reactor, but for its time: that passes when a test says so."""

    spawnProcess = REACTOR.spawnProcess


async def killed(words: tuple[str, ...], pid: Path) -> int:
    """Let the time of a command be over when it has written `pid`, and return that."""
    reactor = Stopped()
    failing = Deferred.fromCoroutine(failure(words, reactor))
    await until(lambda: pid.exists() and pid.read_text(), "the command")
    reactor.advance(30)
    assert await failing == "the command took 30 s and was killed"
    return int(pid.read_text())


async def test_a_command_gets_the_text_the_variables_and_its_own_arguments_only(tmp_path):
    code = (
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['LOGSRV_ALERT_COUNT'], sys.stdin.read(),"
        " file=open('%s', 'w'))" % (tmp_path / "out")
    )
    words = python(code, "$(id)", "a b")
    await command.run_command(words, b"text", {"LOGSRV_ALERT_COUNT": "7"}, reactor=REACTOR)
    assert (tmp_path / "out").read_text() == "['$(id)', 'a b'] 7 text\n"


async def test_a_failure_has_the_status_and_the_first_line_of_stderr():
    code = "import sys; print('no \\x1b[31mroute\\nmore', file=sys.stderr); sys.exit(3)"
    assert await failure(python(code)) == ("the command ended with status 3: no \\x1b[31mroute")
    assert await failure(python("import os; os.kill(os.getpid(), 9)")) == (
        "the command was ended by SIGKILL"
    )


async def test_a_command_that_is_missing_or_cannot_be_run_is_an_error(tmp_path):
    assert "no program nope" in await failure(("nope",))
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert "cannot be run: No such file or directory" in await failure((str(script),))


async def test_a_command_may_read_nothing_and_its_long_complaint_is_cut():
    await command.run_command(python("pass"), b"x" * 10_000_000, {}, reactor=REACTOR)
    said = await failure(python("import sys; sys.stderr.write('x' * 10**7); sys.exit(1)"))
    assert len(said) < 400


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path):
    pid = tmp_path / "pid"
    child = await killed(("sh", "-c", f"sleep 600 & echo $! >{pid}; wait"), pid)
    await until(lambda: not alive(child), "the end of what it has started")


async def test_a_process_that_left_for_a_session_of_its_own_is_killed_too(tmp_path):
    """It has also lost the parent that started it."""
    pid = tmp_path / "pid"
    words = ("sh", "-c", f"(setsid sh -c 'echo $$ >{pid}; exec sleep 600' &); sleep 600")
    child = await killed(words, pid)
    await until(lambda: not alive(child), "the end of what it has started")


def test_a_command_gets_no_variables_but_those_that_are_named():
    environ = dict.fromkeys(
        ("PATH", "LC_TIME", "TOKEN", "LOGSRV_ALERT_WEBHOOK", "SSH_AUTH_SOCK"), "x"
    )
    assert list(command.variables_for_program(environ)) == ["PATH", "LC_TIME"]
    assert list(command.variables_for_program(environ, ("SSH_AUTH_SOCK",))) == [
        "PATH",
        "LC_TIME",
        "SSH_AUTH_SOCK",
    ]


async def test_a_cancelled_command_is_killed(tmp_path):
    pid = tmp_path / "pid"
    running = Deferred.fromCoroutine(
        command.run_command(
            ("sh", "-c", f"echo $$ >{pid}; exec sleep 600"), b"", {}, reactor=REACTOR
        )
    )
    await until(lambda: pid.exists() and pid.read_text(), "its start")
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await until(lambda: not alive(int(pid.read_text())), "its end")


async def test_background_processes_of_a_command_are_not_waited_for(tmp_path):
    """Though it has the same standard error."""
    pid = tmp_path / "pid"
    await command.run_command(
        ("sh", "-c", f"sleep 600 & echo $! >{pid}"), b"", {}, reactor=REACTOR, seconds=20
    )
    child = int(pid.read_text())
    assert alive(child)
    os.kill(child, 9)


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


# Runs the words after it as the leader of a session without a terminal, or at a terminal of its own.
WITHOUT_TERMINAL = (
    "import os, subprocess, sys; os.setsid(); sys.exit(subprocess.run(sys.argv[1:]).returncode)"
)
AT_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def run_in_session(directory: Path, session: str, code: str) -> None:
    """Run a command by a shell that is the leader of its session."""
    words = ("sh", "-c", f'{shlex.join(SUBREAPER)} $$ sh -c "$0" >/dev/null; exit', code)
    nothing = subprocess.DEVNULL
    subprocess.run(python(session, *words), cwd=directory, timeout=PATIENCE, stdin=nothing)


def test_a_command_has_a_group_of_its_own_in_the_session_of_a_daemon(tmp_path):
    """In a session of its own its priority would have no effect: Linux divides the CPU among sessions."""
    code = "read pid name state parent group session rest </proc/$$/stat; echo $session $group >ids"
    run_in_session(tmp_path, WITHOUT_TERMINAL, code)
    session, group = (tmp_path / "ids").read_text().split()
    assert session != group


def test_a_command_cannot_read_the_terminal_of_the_service(tmp_path):
    """It would be stopped by that, with its parent, which could not end it then."""
    run_in_session(tmp_path, AT_TERMINAL, "read x </dev/tty; echo $? >status")
    assert (tmp_path / "status").read_text() != "0\n"


def test_signals_that_come_together_end_all(tmp_path):
    with (tmp_path / "said").open("wb") as said:
        words = (*SUBREAPER, str(os.getpid()), "sh", "-c", FAR + "sleep 600")
        process = subprocess.Popen(words, cwd=tmp_path, stdout=said)
    pid = far(tmp_path)
    for number in (signal.SIGSTOP, *subreaper.END_SIGNALS, signal.SIGCONT):
        process.send_signal(number)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert not alive(pid) and not (tmp_path / "said").read_bytes()


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
    parent.wait(PATIENCE)
    wait_until(lambda: not alive(pid), "its end")
