"""Workloads of real daemons and commands that are recorded: a few hundred lines each.

Every workload is a function that gets a `Stage`. Its lines have numbers, from 1 on, and words.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.importing import import_command
from tests.parts.daemon_logs import DAEMON_LOGS, check_log
from tests.parts.powercut.history import History
from tests.parts.powercut.recording import Kind, Recording

STORE = "a/new/store"
LISTEN = ("--listen", "relp:tcp:0:interface=127.0.0.1")
IMPORT = (sys.executable, "-P", "-m", "logsrv.cli.main", "import", "--directory")


def line(number: int, size: int) -> bytes:
    """Return the text of a line: its number, a word that other lines have too, and `size` more letters."""
    return b"<id %d> word%d " % (number, number % 17) + b"x" * size + b" <end>"


@attrs.define
class Stage:
    """One daemon at a time on a store below the recorded root, and a client that waits for its answers.

    A `with` statement ends a daemon that still runs.
    """

    recording: Recording
    logs: Path
    next: int = 1
    server: TwistdProcess | None = None
    _chance: random.Random = attrs.field(factory=lambda: random.Random(7))

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        if self.server is not None and self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait(PATIENCE)

    @property
    def store(self) -> Path:
        return self.recording.root / STORE

    def make_directory(self) -> None:
        """Make the store's directory before anything else, as the installation of a server does."""
        self.store.mkdir(parents=True)
        for folder in (self.store.parent.parent, self.store.parent, self.store):
            self.recording.mark(f"there {folder.relative_to(self.recording.root)}")

    def start(self, *options: str) -> TwistdProcess:
        """Start a daemon."""
        words = ("--directory", str(self.store), *LISTEN, *options)
        environment = self.recording.environment
        self.server = TwistdProcess("logsrv", *words, directory=self.logs, environment=environment)
        self.server.start().ready()
        return self.server

    def send(self, count: int, *, window: int = 8, size: int = 400) -> None:
        """Send lines in groups of `window`, each group when the one before is acknowledged."""
        with self._connect() as connection:
            for first in range(0, count, window):
                self._put(connection, min(window, count - first), 2 + first, size)
                self._wait(connection, min(window, count - first))

    def send_in_vain(self, count: int, size: int = 400) -> None:
        """Send lines, of which some may not be acknowledged, and read until the daemon closes."""
        with self._connect() as connection:
            self._put(connection, count, 2, size)
            connection.sendall(b"%d close 0\n" % (count + 2))
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65536):
                    pass

    def send_and_kill(self, count: int, size: int = 400) -> None:
        """Send lines, wait for half of the answers, and kill the daemon between two of its operations."""
        assert self.server is not None
        with self._connect() as connection:
            self._put(connection, count, 2, size)
            self._wait(connection, count // 2)
            with self.recording.between_operations():
                self.server.send_signal(signal.SIGKILL)
                self.server.wait()
        self.recording.mark("killed")

    def _connect(self) -> socket.socket:
        assert self.server is not None
        connection = socket.create_connection(("127.0.0.1", self.server.port()), PATIENCE)
        self.recording.mark(f"relp {connection.getsockname()[1]} {self.next}")
        connection.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n")
        data = b""
        while not data.endswith(b"\n"):
            data = connection.recv(65536)
            assert data, "it was cut off"
        return connection

    def _put(self, connection: socket.socket, count: int, transaction: int, size: int) -> None:
        for number in range(transaction, transaction + count):
            text = line(self.next, self._chance.randint(size // 2, size))
            connection.sendall(b"%d syslog %d %b\n" % (number, len(text), text))
            self.next += 1

    def _wait(self, connection: socket.socket, count: int) -> None:
        seen = b""
        while seen.count(b" rsp 6 200 OK\n") < count:
            data = connection.recv(65536)
            assert data, "it was cut off"
            seen += data

    def sealed(self, count: int) -> None:
        """Wait until so many segments are sealed and no sealing is under way."""
        assert self.server is not None
        self.server.wait_until(
            lambda: (
                len(list(self.store.glob("*.zst"))) >= count
                and not list(self.store.glob("0*Z.log"))
            ),
            "the sealing",
            # A segment whose sync failed is tried again after a minute.
            3 * PATIENCE,
        )

    def synced(self, which: str) -> None:
        """Wait until the daemon has by itself synced all its segments; add a mark."""
        assert self.server is not None
        self.server.wait_until(
            lambda: segments_certain(History(self.recording.operations())), "the sync"
        )
        self.recording.mark(f"synced {which}")

    def stop(self) -> None:
        assert self.server is not None
        assert self.server.stop() in (0, -signal.SIGTERM)
        self.recording.mark("stopped")


def segments_certain(history: History) -> bool:
    """Return whether no cut could lose text of plain segments or their names."""
    named = [
        (change.number, path, node)
        for change in history.names
        for path, node in change.entries
        if path.startswith(f"{STORE}/") and path.endswith(".log") and node is not None
    ]
    last = max((number for number, _, _ in named), default=history.length)
    files = [history.files[node] for _, _, node in named]
    return any(sync.good and sync.begin > last for sync in history.folders[STORE]) and all(
        len(file.certain(history.length)) == len(file.changes) for file in files
    )


def rotating(stage: Stage) -> None:
    """Rotate and seal with `--sync always`, reload, and run again after a clean stop."""
    stage.make_directory()
    stage.recording.mark("policy always")
    server = stage.start("--sync", "always", "--rotate-size", "16KiB")
    stage.send(120)
    server.send_signal(signal.SIGHUP)
    stage.send(40, window=40)
    stage.sealed(1)
    stage.stop()
    stage.start("--sync", "always", "--rotate-size", "16KiB")
    stage.send(20, window=4)
    stage.stop()


def killed(stage: Stage) -> None:
    """Start without a directory, and kill -9 the daemon three times while lines arrive."""
    stage.recording.mark("policy always")
    for _ in range(3):
        stage.start("--sync", "always", "--rotate-size", "24KiB")
        stage.send(24)
        stage.send_and_kill(40)
    stage.start("--sync", "always")
    stage.send(8)
    stage.stop()


def retention(stage: Stage) -> None:
    """Keep few bytes, so that retention removes sealed segments."""
    stage.make_directory()
    stage.recording.mark("policy always")
    options = ("--sync", "always", "--rotate-size", "12KiB", "--keep-bytes", "13KiB")
    stage.start(*options)
    stage.send(160, size=300)
    stage.sealed(1)
    stage.stop()
    stage.start(*options)
    stage.send(40, size=300)
    stage.sealed(1)
    stage.stop()


def faulty(stage: Stage) -> None:
    """Let syncs of the directory fail at some rotations."""
    stage.make_directory()
    stage.recording.mark("policy always")
    stage.start("--sync", "always", "--rotate-size", "4KiB")
    for count, size in ((20, 400), (1, 10_000), (20, 400), (1, 10_000), (1, 10_000)):
        stage.recording.fail(Kind.SYNC, f"*/{STORE}", errno.EIO)
        # A single line fills a segment: no later write syncs the text after it.
        stage.send_in_vain(count, size)
        stage.sealed(1)
    stage.send(20)
    stage.stop()


def interval(stage: Stage) -> None:
    """Use the default policy, a sync at intervals, also over a kill and a start without new lines."""
    stage.make_directory()
    stage.recording.mark("policy interval")
    stage.start("--rotate-size", "16KiB")
    stage.send(60)
    stage.synced("while nobody sends")
    stage.send(20)
    stage.send_and_kill(20)
    stage.start("--rotate-size", "16KiB")
    stage.synced("behind a kill")
    stage.send(20)
    stage.stop()


def packing(stage: Stage) -> None:
    """Fill a segment that is so large that another process packs it."""
    stage.make_directory()
    stage.recording.mark("policy always")
    stage.start("--sync", "always", "--rotate-size", "17MiB")
    stage.send(270, window=90, size=120_000)
    stage.sealed(1)
    stage.stop()


def importing(stage: Stage) -> None:
    """Run `logsrv import` of two files larger than one write, twice: the second has nothing to do."""
    stage.make_directory()
    stage.recording.mark("policy import")
    for _ in range(2):
        command = [*IMPORT, str(stage.store), *map(str, sources())]
        environment = {**os.environ, **stage.recording.environment}
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=PATIENCE)
        stage.recording.mark("imported")


def sources() -> list[Path]:
    """Create the files of an import, unless they exist: always the same ones, which a record names."""
    directory = Path(tempfile.gettempdir()) / f"logsrv-power-cuts-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    files = [directory / "one.log", directory / "two.log"]
    for which, file in enumerate(files):
        if file.exists():
            continue
        texts = [
            b"2025-11-20T11:%02d:%02dZ web app: %b\n"
            % (number // 60 % 60, number % 60, line(number, 5000 + number % 3000))
            for number in range(which, 360, 2)
        ]
        made = file.with_suffix(f".{os.getpid()}")
        made.write_bytes(b"".join(texts))
        os.utime(made, (1_764_000_000, 1_764_000_000))
        made.rename(file)
    return files


def import_again(directory: Path) -> int:
    """Run the import of `importing` in this process; return its status."""
    parser = Parser(prog="logsrv import", description="")
    import_command.declare(parser)
    words = ["--directory", str(directory), *map(str, sources())]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return import_command.run(parser.parse_args(words))


WORKLOADS: dict[str, Callable[[Stage], None]] = {
    one.__name__: one for one in (rotating, killed, retention, faulty, interval, importing)
}
# Errors that their daemons are expected to log.
ASKED = {"faulty": ("sync",)}
LARGE: dict[str, Callable[[Stage], None]] = {"packing": packing}


def play(name: str, directory: Path, shim: Path) -> Recording:
    """Record a workload as a `recorded_stage`."""
    with recorded_stage(directory, shim, ASKED.get(name, ())) as stage:
        (WORKLOADS | LARGE)[name](stage)
    return stage.recording


@contextlib.contextmanager
def recorded_stage(directory: Path, shim: Path, asked: tuple[str, ...] = ()) -> Iterator[Stage]:
    """Give a stage whose logs are in `directory`, and its store below `root` there.

    asked: errors that its daemons are expected to log; at the end they may have logged no others.
    """
    root = directory / "root"
    root.mkdir(parents=True)
    with Stage(Recording(root, shim), directory) as stage:
        yield stage
    for log in directory.glob(DAEMON_LOGS):
        check_log(log, asked)
