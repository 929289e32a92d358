"""The parent process: it keeps the listening sockets, and starts a new child to serve them after each save.

The new child is started while the old one still serves. When both serve the same sockets, the parent tells
the old child to end, and the old one finishes its connections. If the new child cannot start, the old one
goes on.

A signal handler only sets a flag, which is checked between two steps. If it raised an exception, that could
happen anywhere, even while `subprocess` has a lock, which would then never be released.
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
from typing import Any

from logsrv.cli.arguments import tell
from logsrv.cli.running.serving_process import NOT_RUNNABLE
from logsrv.cli.running.watch import WatchedFiles

LOOK_SECONDS = 0.15
END_LOOK_SECONDS = 0.02
# Seconds after which a child that was told to end is killed: more than a service needs to finish its
# connections.
END_SECONDS = 15.0
# Seconds to wait until a child that was told to end closes its sockets: it needs two turns of its reactor.
LEAVE_SECONDS = 1.0
# The most sockets that a child can pass to us; Linux allows 253 descriptors in one message.
MOST_DESCRIPTORS = 200


class ChildMessages:
    """The messages of a child, one JSON value a line. descriptors: file descriptors that came with them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self.descriptors: list[int] = []

    def receive(self, seconds: float) -> Any:
        """Return the next message, {} if none arrives within `seconds`, None at the end."""
        if b"\n" not in self._received:
            if not select.select([self._connection], [], [], seconds)[0]:
                return {}
            try:
                data, descriptors, *_ = socket.recv_fds(self._connection, 65536, MOST_DESCRIPTORS)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._received += data
            self.descriptors += descriptors
        line, newline, rest = self._received.partition(b"\n")
        if not newline:
            return {}
        self._received = rest
        return json.loads(line)


class ServingChild:
    """A process that serves, or is about to serve."""

    def __init__(
        self,
        file: Path,
        options: Sequence[str],
        held: dict[str, int],
        *,
        reactor: str,
        again: bool,
    ) -> None:
        """held: the descriptors of sockets, by key. reactor: the full name of its class.

        again: whether a child has served before; then this one logs less.
        """
        ours, theirs = socket.socketpair()
        self._channel = ours
        self.messages = ChildMessages(ours)
        self.process = subprocess.Popen(
            [
                # -B: Python would use old bytecode if the source has the same size and second, and a
                # file can be saved twice in a second. -P: modules in this folder must not replace
                # Python's own.
                *(sys.executable, "-B", "-P", "-m", "logsrv.cli.running.serving_process"),
                *(str(theirs.fileno()), json.dumps(held), json.dumps(again)),
                *(reactor, str(file), *options),
            ],
            pass_fds=[theirs.fileno(), *held.values()],
            # Ctrl-C at the terminal reaches only the parent, which then ends its children in order.
            process_group=0,
            stdin=subprocess.DEVNULL if os.isatty(0) else None,
        )
        theirs.close()

    def tell_to_serve(self) -> None:
        """Tell the child to serve. It may have ended already."""
        with contextlib.suppress(OSError):
            self._channel.sendall(b"g")

    def tell_to_end(self) -> None:
        """Tell the child to end, and wait until new connections can reach only its successor."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
            select.select([self._channel], [], [], LEAVE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._channel.close()


class Supervisor:
    """The parent process of a plugin file: `run` serves the file and starts it again after each save."""

    def __init__(self, file: Path, options: Sequence[str], reactor: str) -> None:
        self._file = file
        self._reactor = reactor
        self._options = options
        self._held: dict[str, int] = {}
        self._watched = WatchedFiles(str(file))
        self._is_gone = False
        # True after SIGHUP: the next step starts the plugin again.
        self._reads_again = False
        # The number of requests to end so far: Ctrl-C, SIGTERM, or a closed terminal. One that comes
        # during a wait for children ends that wait.
        self._asked = 0
        # Under nohup, which ignores SIGHUP, the supervisor goes on after its terminal is closed.
        self._ends_with_terminal = (
            _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        )
        self._serving: ServingChild | None = None
        self._starting: ServingChild | None = None
        self._leaving: list[ServingChild] = []
        self._has_served = False
        self._status: int | None = None
        self._event = ""

    def run(self) -> int:
        """Serve until Ctrl-C or SIGTERM, or until no child can start. Return the exit status."""
        # In the background of a shell SIGINT is ignored, and must stay ignored.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._on_end_signal)
        signal.signal(signal.SIGTERM, self._on_end_signal)
        signal.signal(signal.SIGHUP, self._on_hangup)
        try:
            self._start_child()
            while not self._asked:
                self._handle_message()
                self._reap_ended()
                if self._reads_again or self._watched.saved():
                    self._start_child()
                elif self._status is not None:
                    return self._status
                self._report_deletion()
            return self._end_children()
        finally:
            self._kill_all()

    def _on_end_signal(self, number: int, frame: object) -> None:
        self._asked += 1

    def _on_hangup(self, number: int, frame: object) -> None:
        if self._ends_with_terminal and not _has_terminal():
            # SIGHUP came because the terminal was closed: end, as nobody can read our messages.
            self._asked += 1
        else:
            self._reads_again = True

    def _report_deletion(self) -> None:
        is_gone, self._is_gone = self._is_gone, self._watched.is_gone
        if self._is_gone and not is_gone:
            goes_on = "; the old one goes on serving" if self._serving is not None else ""
            _tell_if_possible(f"{self._file.name} was deleted{goes_on}; save it again to start it")

    def _start_child(self) -> None:
        self._event = "was started again" if self._reads_again else "was saved"
        self._reads_again = False
        self._watched.remember_fingerprints()
        if self._starting is not None:
            self._starting.kill()
        self._starting = ServingChild(
            self._file, self._options, self._held, reactor=self._reactor, again=self._has_served
        )

    def _handle_message(self) -> None:
        """Handle the next message of the starting child, or wait a moment."""
        child = self._starting
        if child is None:
            time.sleep(LOOK_SECONDS)
            return
        match child.messages.receive(LOOK_SECONDS):
            case None:
                self._after_failed_start(child)
            case {"files": files}:
                self._watched.add(files)
            case {"loaded": alone}:
                if alone and self._serving is not None:
                    # Two processes cannot share a socket that is not held, such as a datagram socket.
                    self._serving.tell_to_end()
                    self._wait_for([self._serving])
                    if self._asked:
                        return
                    self._serving.kill()
                    self._serving = None
                child.tell_to_serve()
            case {"serving": keys, "at": addresses}:
                self._switch_to_child(child, keys, addresses)

    def _keep_sockets(self, child: ServingChild, keys: list[str]) -> None:
        """Keep the sockets that a child has sent, and close all others."""
        descriptors = dict(zip(keys, child.messages.descriptors, strict=True))
        for key, descriptor in self._held.items():
            os.close(descriptor)
            if key not in descriptors:
                _remove_socket_file(key)
        self._held = descriptors

    def _switch_to_child(self, child: ServingChild, keys: list[str], addresses: list[str]) -> None:
        is_elsewhere = set(keys) != set(self._held)
        self._keep_sockets(child, keys)
        if self._serving is not None:
            self._serving.tell_to_end()
            self._leaving.append(self._serving)
        if self._has_served:
            place = f" at {', '.join(filter(None, addresses))}" if is_elsewhere else ""
            _tell_if_possible(f"{self._file.name} {self._event} and serves now as it is{place}")
        else:
            _tell_if_possible(f"{self._file.name} serves; save it to start it again, Ctrl-C ends")
        self._has_served = True
        self._serving, self._starting = child, None

    def _after_failed_start(self, child: ServingChild) -> None:
        self._wait_for([child])
        child.kill()
        self._starting = None
        status = child.process.returncode
        if self._serving is not None:
            _tell_if_possible(f"the old {self._file.name} goes on serving")
        elif not self._has_served and status != NOT_RUNNABLE:
            # Saving the file would correct neither the options nor the port.
            self._status = 1 if status else 0
        else:
            _tell_if_possible(f"nothing serves now; save {self._file.name} to try again")

    def _reap_ended(self) -> None:
        for child in list(self._leaving):
            if child.process.poll() is not None:
                child.kill()
                self._leaving.remove(child)
        if self._serving is not None and self._serving.process.poll() is not None:
            status = self._serving.process.returncode
            self._serving.kill()
            self._serving = None
            _tell_if_possible(
                f"{self._file.name} ended with status {status}; "
                "new connections wait until it is saved"
            )

    def _end_children(self) -> int:
        _tell_if_possible("ending; Ctrl-C once more does not wait for what is going on")
        ending = [child for child in (self._serving, *self._leaving) if child is not None]
        for child in ending:
            # On SIGTERM a child first handles the data that has arrived.
            child.process.terminate()
        self._wait_for(ending)
        return 0

    def _wait_for(self, children: Sequence[ServingChild]) -> None:
        """Wait until the children have ended: at most END_SECONDS, or until another request to end."""
        asked, until = self._asked, time.monotonic() + END_SECONDS
        while any(child.process.poll() is None for child in children):
            if self._asked > asked or time.monotonic() > until:
                return
            time.sleep(END_LOOK_SECONDS)

    def _kill_all(self) -> None:
        for child in (self._serving, self._starting, *self._leaving):
            if child is not None:
                child.kill()
        for key, descriptor in self._held.items():
            os.close(descriptor)
            _remove_socket_file(key)


def _tell_if_possible(sentence: str) -> None:
    # If the terminal is closed, the message is lost.
    with contextlib.suppress(OSError):
        tell(f"logsrv run: {sentence}")


def _has_terminal() -> bool:
    """Return whether this process has a terminal; it loses it when the terminal's window is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _remove_socket_file(key: str) -> None:
    """Remove the file of a UNIX socket that nobody listens on any more."""
    scheme, _, path = key.rpartition("#")[0].partition(":")
    if scheme == "unix" and not path.startswith("\0"):
        Path(path).unlink(missing_ok=True)
