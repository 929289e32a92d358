"""Start, watch and end the programs of a run: the server under test, and the load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from bench.complaints import complaints

START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOG_TAIL = 600


class ChildError(Exception):
    """A program did not start, ended too early, or logged an error; `str()` has its output."""


def log_tail(log: Path) -> str:
    """Return the end of a program's log, LOG_TAIL characters, safe to print."""
    if not log.exists():
        return ""
    return ascii(log.read_text(errors="replace")[-LOG_TAIL:])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process with SIGTERM, after STOP_SECONDS with SIGKILL."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(
    command: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    ready: Callable[[], bool],
    *,
    asked: Sequence[str] = (),
    patience: float = START_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, wait until `ready()`, and end it at the end of the block.

    asked: regular expressions of the errors that it may log. Raises ChildError if it is not ready within
    `patience` seconds, and at the end if its log has other errors: the figures of a failing program are
    worthless.
    """
    with open(log, "wb") as said:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        deadline = time.monotonic() + patience
        while True:
            # Check this before `ready`: a program that is ready may end by itself right after that.
            ended = process.poll() is not None
            if ready():
                break
            if ended:
                raise ChildError(f"ended with status {process.returncode}: {log_tail(log)}")
            if time.monotonic() > deadline:
                raise ChildError(f"not ready after {patience:.0f} s: {log_tail(log)}")
            time.sleep(0.01)
        yield process
    finally:
        stop(process)
    found = complaints(log.read_text(errors="replace"), asked)
    if found:
        raise ChildError(f"{len(found)} errors in its log, the first: {found[0][:LOG_TAIL]!a}")


@attrs.define(frozen=True, slots=True)
class Sent:
    """The report of the load generator. start, end: seconds of the monotonic clock; user, system: CPU
    seconds.
    """

    lines: int
    bytes: int
    start: float
    end: float
    user: float
    system: float
    segmented: bool = True


class Load:
    """A running load generator. sent: its report, None until it has sent everything."""

    def __init__(self, program: Path, arguments: Sequence[str]) -> None:
        self.sent: Sent | None = None
        self._process = subprocess.Popen(
            [str(program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            self.sent = Sent(**json.loads(line))

    def check(self) -> None:
        """Raise ChildError if it ended without a report."""
        if self._process.poll() is not None:
            self._reader.join()
            if self.sent is None:
                assert self._process.stderr is not None
                raise ChildError(ascii(self._process.stderr.read()[-LOG_TAIL:].decode().strip()))

    def wait_sent(self) -> Sent:
        """Wait until it has sent everything. Raises ChildError."""
        self._reader.join()
        if self.sent is None:
            self._process.wait()
            self.check()
            raise ChildError("the load ended without a report")
        return self.sent

    def release(self) -> None:
        """Close its connections, and end it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        stop(self._process)
        self._reader.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def loading(program: Path, arguments: Sequence[str]) -> Iterator[Load]:
    """Run the load generator until the end of the block."""
    load = Load(program, arguments)
    try:
        yield load
    finally:
        load.release()
