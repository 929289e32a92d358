"""The parent: holds the listening sockets, and has one child serve them, a new one after each save.

A successor is started beside the child that serves. Once it serves as well, the sockets being the
same, the old one is told to end, and takes in what has arrived for it. If the successor cannot be
started, the old one goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from logsrv.cli.arguments import tell
from logsrv.cli.running.channel import Channel
from logsrv.cli.running.child import NOT_RUNNABLE
from logsrv.cli.running.watch import Watched

LOOK_SECONDS = 0.15
END_SECONDS = 15.0
LEAVE_SECONDS = 1.0
"""More than a service takes to drain; then it is killed."""


class Child:
    """A process that serves, or is about to."""

    def __init__(self, file: Path, options: Sequence[str], held: dict[str, int]) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.process = subprocess.Popen(
            [
                # -B: Python takes bytecode for current when the source has the same size and the
                # same second, and a file can be saved twice in one.
                *(sys.executable, "-B", "-m", "logsrv.cli.running.child"),
                *(str(theirs.fileno()), json.dumps(held), str(file), *options),
            ],
            pass_fds=[theirs.fileno(), *held.values()],
            # A terminal's Ctrl-C is for the parent, which then ends its children in order.
            process_group=0,
            stdin=subprocess.DEVNULL if os.isatty(0) else None,
        )
        theirs.close()

    def end(self) -> None:
        """Tell it to take in what has arrived, and end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def leave(self) -> None:
        """Do as `end`, and wait until it accepts nobody any more: who comes now meets its successor."""
        self.end()
        if not self.channel.has_message:
            select.select([self.channel], [], [], LEAVE_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.channel.close()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and bring it about after so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill()


class Supervisor:
    """`run()` it."""

    def __init__(self, file: Path, options: Sequence[str]) -> None:
        self._file = file
        self._options = options
        self._held: dict[str, int] = {}
        self._watched = Watched([str(file)])
        self._serving: Child | None = None
        self._starting: Child | None = None
        self._leaving: list[Child] = []
        self._has_served = False
        self._status: int | None = None

    def run(self) -> int:
        """Serve until Ctrl-C or SIGTERM, or until it cannot begin. Return the exit status."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self._start()
            while True:
                self._listen()
                self._reap()
                if self._watched.saved():
                    self._start()
                elif self._status is not None:
                    return self._status
        except KeyboardInterrupt:
            return self._end()
        finally:
            self._kill_all()

    def _start(self) -> None:
        self._watched.begin()
        if self._starting is not None:
            self._starting.kill()
        self._starting = Child(self._file, self._options, self._held)

    def _listen(self) -> None:
        """Do what the child that starts says, or wait a moment."""
        if self._starting is None:
            time.sleep(LOOK_SECONDS)
            return
        channel = self._starting.channel
        if not channel.has_message and not select.select([channel], [], [], LOOK_SECONDS)[0]:
            return
        match channel.receive():
            case None:
                self._not_started(self._starting)
            case {"files": files}:
                self._watched.add(files)
            case {"loaded": alone}:
                if alone and self._serving is not None:
                    # Datagrams go to one socket, so there cannot be two that serve.
                    self._serving.end()
                    self._serving.wait(END_SECONDS)
                    self._serving = None
                channel.send("go")
            case {"serving": keys}:
                self._now_serving(self._starting, keys)

    def _now_serving(self, child: Child, keys: list[str]) -> None:
        descriptors = dict(zip(keys, child.channel.take_descriptors(), strict=True))
        for key, descriptor in self._held.items():
            os.close(descriptor)
            if key not in descriptors:
                _remove(key)
        self._held = descriptors
        if self._serving is not None:
            self._serving.leave()
            self._leaving.append(self._serving)
        if self._has_served:
            tell(f"logsrv run: {self._file.name} was saved and serves now as it is")
        else:
            tell(f"logsrv run: {self._file.name} serves; save it to start it again, Ctrl-C ends")
        self._has_served = True
        self._serving, self._starting = child, None

    def _not_started(self, child: Child) -> None:
        child.wait(END_SECONDS)
        self._starting = None
        status = child.process.returncode
        if self._serving is not None:
            tell(f"logsrv run: the {self._file.name} of before goes on serving")
        elif not self._has_served and status != NOT_RUNNABLE:
            # Neither the options nor the port become right by saving the file.
            self._status = 1 if status else 0
        else:
            tell(f"logsrv run: nothing serves now; save {self._file.name} to try again")

    def _reap(self) -> None:
        for child in list(self._leaving):
            if child.process.poll() is not None:
                child.kill()
                self._leaving.remove(child)
        if self._serving is not None and self._serving.process.poll() is not None:
            status = self._serving.process.returncode
            self._serving.kill()
            self._serving = None
            tell(
                f"logsrv run: {self._file.name} ended with status {status}; "
                "who connects waits until it is saved"
            )

    def _end(self) -> int:
        tell("logsrv run: ending; Ctrl-C once more does not wait for what is going on")
        ending = [child for child in (self._serving, *self._leaving) if child is not None]
        try:
            for child in ending:
                child.end()
            for child in ending:
                child.wait(END_SECONDS)
        except KeyboardInterrupt:
            pass
        return 0

    def _kill_all(self) -> None:
        for child in (self._serving, self._starting, *self._leaving):
            if child is not None:
                child.kill()
        for key, descriptor in self._held.items():
            os.close(descriptor)
            _remove(key)


def _remove(key: str) -> None:
    """Remove the file of a UNIX socket that nobody listens on any more."""
    scheme, _, path = key.partition(":")
    if scheme == "unix" and not path.startswith("\0"):
        Path(path).unlink(missing_ok=True)
