"""Run a plugin that is one file, and again each time the file is saved.

FILE.py needs one thing to serve: a subclass of LineProtocol (or of RequestProtocol, FrameProtocol,
Datagrams, DatagramLines, or of Twisted's Protocol or DatagramProtocol), or `async def
handle(connection)`, or an object made by protocol_plugin(…). The smallest is:

  from logsrv.kit import LineProtocol

  class Shout(LineProtocol):
      def line_received(self, line):
          self.send_line(line.upper())

Options of the plugin come after FILE.py: logsrv run FILE.py --help shows them. --reactor comes before
it: asyncio for plugins that await asyncio. When a Python file in the folder of FILE.py, in a package
there or in its twisted/plugins is saved, the plugin is started again. The listening sockets stay open
meanwhile. If the new file has an error, it is reported, and the old process goes on serving. A plugin
with a state starts when the old process has ended, so that one at a time has its files; clients wait.
Ctrl-C ends everything.

Example:

  logsrv run shout.py --listen tcp:7001
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import math
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.cli.serving import NOT_RUNNABLE, WAITS
from logsrv.errors import ConfigurationError
from logsrv.kit.children.starting import popen
from logsrv.kit.net.kept_sockets import VACATED
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.files import FileFingerprint, file_fingerprint
from logsrv.kit.text.words import shown

command = Command("run", "run a plugin that is one file, again each time it is saved", __name__)

REACTORS = ("asyncio", "default", "epoll", "poll", "select")


def declare(parser: Parser) -> None:
    parser.add_argument("--reactor", choices=REACTORS, default="default", help="Twisted's reactor")
    parser.add_argument("file", metavar="FILE.py", type=Path, help="the plugin")
    rest = argparse.REMAINDER
    parser.add_argument("options", metavar="OPTION", nargs=rest, help="the options of the plugin")


def run(arguments: argparse.Namespace) -> int:
    """Run the file until Ctrl-C. Raises ConfigurationError if there is no such file."""
    file: Path = arguments.file
    if not file.is_file() or file.suffix != ".py":
        what = "no Python file, FILE.py" if file.exists() else "not there"
        raise ConfigurationError(f"{shown(str(file))} is {what}")
    return Supervisor(file.resolve(), [arguments.reactor, *arguments.options]).run()


# -B: Python would use old bytecode for a file that is saved twice in a second. -P: modules in this folder
# must not replace Python's own.
PROGRAM = ("-B", "-P", "-m", "logsrv.cli.serving")
LOOK_SECONDS = 0.15
# Seconds after which a child that was told to end is killed: more than a service needs for its connections.
END_SECONDS = 15.0
FIRST = "serves; save it to start it again, Ctrl-C ends"
AGAIN = "was saved and serves now as it is"
MOST_SOCKETS = 200
FIRST_SOCKET = 3
"""The descriptor of the first socket of LISTEN_FDS."""

Process = subprocess.Popen[bytes]


def _pass_sockets(kept: dict[str, int], path: str) -> None:
    """Do in a child what systemd does before it starts a service. kept: open sockets by their names."""
    above = FIRST_SOCKET + len(kept)
    copies = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, above) for one in kept.values()]
    for number, copy in enumerate(copies, FIRST_SOCKET):
        os.dup2(copy, number)
    os.environ.update(NOTIFY_SOCKET=path, FDSTORE=str(MOST_SOCKETS), LISTEN_PID=str(os.getpid()))
    os.environ.update(LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(kept))


class Supervisor:
    """The parent process: it keeps the listening sockets, and starts a new child to serve after each save.

    To its children it is what systemd is to a service: each reports to a NOTIFY_SOCKET, puts its listening
    sockets into the parent's store (FDSTORE), and gets those of the store by LISTEN_FDS. A new child starts
    while the old one serves. Once it is ready, the old one is told to end. It first finishes its work and
    accepts the waiting peers, and says when it takes no more (VACATED); only then the new one serves alone.
    If the new one cannot start, the old one goes on. A child whose plugin has a state says so once its file
    is loaded (WAITS): it waits until the old one has ended.
    """

    def __init__(self, file: Path, words: Sequence[str]) -> None:
        """words: for the child, after the file: its reactor, and the options of the plugin."""
        self._file = file
        self._words = [str(os.getpid()), str(file), *words]
        # The folder of the sockets to which children report.
        self._folder = TemporaryDirectory(prefix="logsrv-run-")
        self._kept: dict[str, int] = {}
        # The children, by the sockets to which they report.
        self._children: dict[socket.socket, Process] = {}
        self._serving: Process | None = None
        self._starting: Process | None = None
        # Children that were told to end for another, until they take no more peers: when each is killed.
        self._replaced: dict[Process, float] = {}
        self._has_served = False
        # The file for which the last child was started.
        self._saved = file
        # Pipes of children that wait until they are the only one.
        self._waits: list[int] = []
        # The requests to end so far: Ctrl-C, SIGTERM, or a closed terminal.
        self._end_requests = 0
        self._began = self._before = self._fingerprints()

    def run(self) -> int:
        """Serve until Ctrl-C or SIGTERM, or until no child can start. Return the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # One that is ignored, in the background of a shell or by nohup, stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_end_signal)
        status = None
        try:
            self._start_child()
            while not self._end_requests and status is None:
                self._handle_messages()
                status = self._reap()
                if self._is_saved():
                    self._start_child()
        finally:
            self._end_children()
            self._folder.cleanup()
        return status or 0

    def _on_end_signal(self, number: int, frame: object) -> None:
        self._end_requests += 1

    def _start_child(self) -> None:
        if self._starting is not None:
            self._starting.kill()
        self._began = self._before
        messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self._folder.name, str(time.monotonic_ns()))
        messages.bind(path)
        self._starting = self._children[messages] = popen(
            [*PROGRAM, *self._words],
            close_fds=False,
            preexec_fn=partial(_pass_sockets, self._kept, path),
            stdin=subprocess.DEVNULL if os.isatty(0) else None,
        )

    def _handle_messages(self) -> None:
        """Handle the messages of all children, or wait a moment for one."""
        for ready in select.select([*self._children], [], [], LOOK_SECONDS)[0]:
            data, descriptors, *_ = socket.recv_fds(ready, 65536, MOST_SOCKETS)
            lines = data.decode("utf-8", "replace").splitlines()
            message = dict(line.split("=", 1) for line in lines if "=" in line)
            if WAITS in message:
                self._waits += descriptors
                self._end_serving(self._children[ready])
            elif name := message.get("FDNAME"):
                if name in self._kept:
                    os.close(self._kept.pop(name))
                self._kept.update((name, descriptor) for descriptor in descriptors)
            if "READY" in message and self._children[ready] is self._starting:
                self._replace_serving()
            elif VACATED in message:
                self._tell_if_replaced(self._children[ready])

    def _replace_serving(self) -> None:
        before, self._serving, self._starting = self._serving, self._starting, None
        if before is not None:
            before.terminate()
            self._replaced[before] = time.monotonic() + END_SECONDS
        else:
            self._tell_of_save() if self._has_served else self._tell(FIRST)
        self._has_served = True

    def _end_serving(self, waiting: Process) -> None:
        """End the process that serves, for one that waits."""
        before = self._serving
        if before is not None and waiting is self._starting:
            self._serving = None
            before.terminate()
            self._replaced[before] = time.monotonic() + END_SECONDS

    def _tell_if_replaced(self, child: Process) -> None:
        if self._replaced.pop(child, None) is not None and self._serving is not None:
            self._tell_of_save()

    def _tell_of_save(self) -> None:
        if self._saved == self._file:
            self._tell(AGAIN)
        else:
            self._tell(f"serves now as it is: {self._saved.name} was saved")

    def _reap(self) -> int | None:
        """Forget children that have ended. Return the exit status if another save would not help."""
        for messages, child in [*self._children.items()]:
            if child.poll() is None:
                if time.monotonic() > self._replaced.get(child, math.inf):
                    child.kill()
                continue
            del self._children[messages]
            messages.close()
            self._tell_if_replaced(child)
            if child is self._serving:
                self._serving = None
                self._tell(f"ended with status {child.returncode}; save it to start it again")
            elif child is self._starting:
                self._starting = None
                if self._serving is not None:
                    self._tell("the old process continues to serve")
                elif self._has_served or child.returncode == NOT_RUNNABLE:
                    self._tell("does not serve; save it to try again")
                else:
                    # Saving the file would correct neither the options nor the port.
                    return 1 if child.returncode else 0
        if self._waits and len(self._children) <= 1:
            for pipe in self._waits:
                os.close(pipe)
            self._waits.clear()
        return None

    def _is_saved(self) -> bool:
        """Return whether a file was saved since the last start, and none since the last call.

        Editors save in several steps; between them the file may be missing or empty.
        """
        now = self._fingerprints()
        is_calm, self._before = now == self._before, now
        plugin = now[self._file]
        changed = [
            path for path in {**self._began, **now} if now.get(path) != self._began.get(path)
        ]
        is_saved = is_calm and plugin is not None and plugin[1] > 0 and bool(changed)
        if is_saved:
            self._saved = self._file if self._file in changed else changed[0]
        return is_saved

    def _fingerprints(self) -> dict[Path, FileFingerprint | None]:
        """Return the marks of the plugin, and of the modules, packages and plugin files beside it."""
        folder = self._file.parent
        packages = [path.parent.rglob("*.py") for path in folder.glob("*/__init__.py")]
        beside = (*folder.glob("*.py"), *folder.glob("twisted/plugins/*.py"))
        files = {self._file, *beside, *(path for each in packages for path in each)}
        return {path: file_fingerprint(path) for path in files}

    def _end_children(self) -> None:
        """End the children: wait at most END_SECONDS, or until another request to end."""
        requests, until = self._end_requests, time.monotonic() + END_SECONDS
        if self._children:
            self._tell("ends; Ctrl-C once more ends it without waiting for running requests")
        for child in self._children.values():
            child.terminate()
        while any(child.poll() is None for child in self._children.values()):
            if self._end_requests > requests or time.monotonic() > until:
                for child in self._children.values():
                    child.kill()
            time.sleep(LOOK_SECONDS / 10)
        for messages in self._children:
            messages.close()
        for descriptor in self._kept.values():
            with socket.socket(fileno=descriptor) as kept:
                if kept.family == socket.AF_UNIX and isinstance(path := kept.getsockname(), str):
                    Path(path).unlink(missing_ok=True)

    def _tell(self, sentence: str) -> None:
        # If the terminal is closed, the message is lost.
        with contextlib.suppress(OSError):
            tell(f"logsrv run: {self._file.name} {sentence}")
