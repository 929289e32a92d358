"""Children of the server that has imported all, in the place of those of `subprocess.Popen`."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import IO, Any, cast

from logsrv.kit.testing import TWISTD
from tests.parts.warm.running import server
from tests.parts.warm.server import STATUS

# -P: as with the installed command, modules of the folder it is called in are not Python's.
LOGSRV = (sys.executable, "-P", "-m", "logsrv.cli.main")
PROGRAMS = {"twistd": TWISTD, "logsrv": LOGSRV}
# Whoever sets this wants processes of their own.
COLD = "COLD_DAEMONS"
STREAMS = ("stdin", "stdout", "stderr")


def popen(command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """Start `twistd` or `logsrv` as Popen does; by the server, where that makes no difference."""
    if not (request := _request(command, how)):
        return subprocess.Popen(command, **how)
    # It has what tests use of Popen.
    return cast(subprocess.Popen[bytes], WarmProcess(request, *map(how.get, STREAMS)))


def _request(command: Sequence[str], how: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the server is asked for; None if it takes a process of its own."""
    environment = dict(how.get("env") or os.environ)
    usual = {"cwd", "env", "preexec_fn", *STREAMS}
    odd = how.keys() - usual or how.get("preexec_fn")
    if odd or COLD in environment or not _has_descriptors_of_processes():
        return None
    for program, start in PROGRAMS.items():
        if tuple(command[: len(start)]) == start and server().stands_for(environment):
            return {
                "program": program,
                "words": list(command[len(start) :]),
                "directory": str(how.get("cwd") or os.getcwd()),
                "environment": environment,
            }
    return None


@functools.cache
def _has_descriptors_of_processes() -> bool:
    """Linux has them, but not in every sandbox."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class WarmProcess:
    """A child of the server. What is public is as Popen has it."""

    def __init__(self, request: Mapping[str, Any], *wanted: int | IO[bytes] | None) -> None:
        self.args = [request["program"], *request["words"]]
        self.returncode: int | None = None
        with contextlib.ExitStack() as theirs:
            files: list[int] = []
            pipes: list[IO[bytes] | None] = []
            for number, one in enumerate(wanted):
                ours, file = _stream(number, one, files)
                theirs.callback(os.close, file)
                files.append(file)
                pipes.append(ours)
            self._told, teller = os.pipe()
            theirs.callback(os.close, teller)
            self.pid, self._end = server().start(json.dumps(request).encode(), [*files, teller])
        self.stdin, self.stdout, self.stderr = pipes
        self._threads: list[Thread] = []
        self._found: dict[IO[bytes], bytes] = {}

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *error: object) -> None:
        for pipe in filter(None, (self.stdout, self.stderr, self.stdin)):
            pipe.close()
        self.wait()

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        if (status := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def communicate(self, input: bytes = b"", timeout: float | None = None) -> list[bytes]:
        """Write `input`, and return what it writes to pipes.

        Raises TimeoutExpired if it has not ended then, or others still have its pipes open: another call
        waits for the same.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        if not self._threads:
            self._threads = [
                Thread(target=self._read, args=[pipe], daemon=True) for pipe in self._pipes()
            ]
            if self.stdin:
                self._threads.append(Thread(target=_write, args=[self.stdin, input], daemon=True))
            for thread in self._threads:
                thread.start()
        for thread in self._threads:
            thread.join(None if ends is None else max(0, ends - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if ends is None else max(0, ends - time.monotonic()))
        return [self._found.get(pipe, b"") if pipe else b"" for pipe in (self.stdout, self.stderr)]

    def _pipes(self) -> list[IO[bytes]]:
        return [*filter(None, (self.stdout, self.stderr))]

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            self._found[pipe] = pipe.read()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            # Its end may be told a moment later.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._end, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        told = select.poll()
        told.register(self._told)
        if told.poll(None if timeout is None else timeout * 1000):
            (self.returncode,) = STATUS.unpack(os.read(self._told, STATUS.size))
            os.close(self._told)
            os.close(self._end)
        return self.returncode


def _stream(
    number: int, wanted: int | IO[bytes] | None, before: Sequence[int]
) -> tuple[IO[bytes] | None, int]:
    """Return our end of a pipe, if there is one, and the child's stream."""
    if wanted == subprocess.PIPE:
        ends = os.pipe()
        mine, its = reversed(ends) if number == 0 else ends
        return open(mine, "rb" if number else "wb"), its
    if wanted == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    if wanted == subprocess.STDOUT:
        return None, os.dup(before[1])
    if wanted is None:
        return None, os.dup(number)
    return None, os.dup(wanted if isinstance(wanted, int) else wanted.fileno())


def _write(pipe: IO[bytes], data: bytes) -> None:
    # It may end before it has read all.
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(data)
