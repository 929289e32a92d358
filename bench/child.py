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

from logsrv.kit.testing.process import complaints

START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOG_TAIL = 600


class ChildError(Exception):
    """A program did not start, ended too early, or logged an error; `str()` has what it said."""


def log_tail(log: Path) -> str:
    """The last of what a program said, safe to print."""
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
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is `ready()`, ended when the block is left.

    asked: expressions of the errors that it is to log.

    Raises ChildError if it does not become ready within START_SECONDS, and at its end if there are other
    errors in its log: what was measured then is how fast it fails.
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
        deadline = time.monotonic() + START_SECONDS
        while True:
            # Looked at before: one that is ready may end by itself.
            ended = process.poll() is not None
            if ready():
                break
            if ended:
                raise ChildError(f"ended with status {process.returncode}: {log_tail(log)}")
            if time.monotonic() > deadline:
                raise ChildError(f"not ready after {START_SECONDS:.0f} s: {log_tail(log)}")
            time.sleep(0.01)
        yield process
    finally:
        stop(process)
    found = complaints(log.read_text(errors="replace"), asked)
    if found:
        raise ChildError(f"{len(found)} errors in its log, the first: {found[0][:LOG_TAIL]!a}")


@attrs.define(frozen=True, slots=True)
class Sent:
    """What the load generator reports; times in seconds of the monotonic clock."""

    lines: int
    bytes: int
    start: float
    end: float
    user: float
    system: float
    segmented: bool = True


class Load:
    """The load generator at work. `sent` is None until it has sent everything."""

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
        """Raises ChildError if it ended without a report."""
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
        """Let go of held connections, and end it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        stop(self._process)
        self._reader.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def loading(program: Path, arguments: Sequence[str]) -> Iterator[Load]:
    """The load generator, released when the block is left."""
    load = Load(program, arguments)
    try:
        yield load
    finally:
        load.release()
