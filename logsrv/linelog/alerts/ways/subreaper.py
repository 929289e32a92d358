"""A program that runs an alert's command, `subreaper.py PARENT COMMAND…`, and can end all its processes.

It ends with the status of the command. On SIGTERM, SIGHUP and SIGINT, and when its own parent (the process
id PARENT) dies, it kills the command and all processes that the command has started, even in other
sessions: on Linux it adopts every process that loses its parent. On other kernels only the process group of
the command is killed. If this program is killed, Linux kills the command.

Like all children it stays in the session of a daemon: in one of its own its priority would have no effect
(see `kit/children/child_side.py`). But it leaves the session of a terminal: if the command read from that,
the kernel would stop the whole process group, so this program too, which could not end the command then.

It is started as `python -I -S`, and imports no module of logsrv.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_WITHIN = 2
"""Seconds after which this program ends, even if a process still runs, such as one of another user."""


class _EndSignalError(Exception):
    """The program has to end: one of END_SIGNALS has arrived, or the parent process has died."""


def _raise_end(*_: object) -> None:
    # First of all, so that no further signal interrupts the killing. SIG_IGN would be too late for one that
    # Python has received already: it complains about that.
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: None)
    raise _EndSignalError


def _make_process_group() -> None:
    """Make a process group of our own; a session of our own if ours has a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        os.setpgid(0, 0)
    else:
        os.close(terminal)
        os.setsid()


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _become_subreaper(parent: int) -> None:
    """Arrange for a signal when the parent dies, and adopt every process that loses its parent."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != parent:
        # The parent died before we asked for the signal, which never comes then.
        _raise_end()


def _start_command(command: list[str]) -> int:
    """Start the command; return its process id. Our stdin and stderr belong to it alone from then on."""
    pid = os.fork()
    if pid:
        # Our stdin and stderr become /dev/null, as our stdout is.
        os.dup2(1, 0)
        os.dup2(1, 2)
        return pid
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot be run: {error.strerror}\n".encode())
    os._exit(1)


def _wait_for_command(command: int) -> int:
    """Wait for the command, and meanwhile for adopted processes; return its `waitpid` status."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == command:
            return status


def _kill_all_children() -> None:
    """Kill all children until none is left, because the children of a dead child become ours.

    After KILL_WITHIN seconds SIGALRM ends this process. Kills none if the kernel does not list children.
    """
    signal.alarm(KILL_WITHIN)
    me = os.getpid()
    while True:
        try:
            with open(f"/proc/{me}/task/{me}/children") as file:
                children = file.read().split()
        except OSError:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(child), signal.SIGKILL)
        with contextlib.suppress(InterruptedError):
            try:
                os.waitpid(-1, 0)
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return


def _die_by_signal(number: int) -> None:
    """End by the same signal as the command, without a second core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def main() -> int:
    """Run the command; return its exit status, or end by the signal that ended it."""
    _make_process_group()
    try:
        for number in END_SIGNALS:
            signal.signal(number, _raise_end)
        _become_subreaper(int(sys.argv[1]))
        status = _wait_for_command(_start_command(sys.argv[2:]))
    except _EndSignalError:
        _kill_all_children()
        os.killpg(0, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        _die_by_signal(os.WTERMSIG(status))
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main())
