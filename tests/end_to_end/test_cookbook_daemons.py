"""The plugins of docs/cookbook.md as operators run them: daemons of another user, under load.

Each is reloaded and stopped while clients keep asking. Until the stop every answer must be right; after it
no message of a client may be missing at its destination.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.daemon_logs import DAEMON_LOGS, check_log
from tests.docs.test_cookbook import RECIPES
from tests.ports import free_port

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root"),
]

USER = "nobody"
CLIENTS = 4
# If that user cannot reach this Python, a mount namespace gives access to Python and nothing else there.
NAMESPACE = """
set -e; home=$1; python=$2; shift 2
mount --bind "$python" /mnt
mount -t tmpfs -o mode=755 tmpfs "$home"
mkdir -p "$python"
mount --bind /mnt "$python"
exec "$@"
"""

Talk = Callable[[int, int], None]


def prefix() -> list[str]:
    """Return the words to put before a command that the other user runs."""
    closed = [each for each in Path(sys.base_prefix).parents if not each.stat().st_mode & 0o001]
    if not closed:
        return []
    return ["unshare", "-m", "sh", "-c", NAMESPACE, "sh", str(closed[-1]), sys.base_prefix]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of that user; pytest's own folders are closed to other users."""
    made = Path(tempfile.mkdtemp(prefix="cookbook-"))
    user = pwd.getpwnam(USER)
    os.chown(made, user.pw_uid, user.pw_gid)
    made.chmod(0o755)
    (made / "twisted" / "plugins").mkdir(parents=True)
    yield made
    for log in made.glob(DAEMON_LOGS):
        check_log(log)
    shutil.rmtree(made)


class Daemon:
    """A plugin of the page as a daemon of another user, in `folder`."""

    def __init__(self, folder: Path, name: str, *arguments: str, reactor: str = "default") -> None:
        self.folder = folder
        self.pid_file = folder / "daemon.pid"
        self.log_file = folder / "daemon.twistd.log"
        (folder / "twisted" / "plugins" / f"{name}_plugin.py").write_text(RECIPES[name].source)
        self.service = "logsrv" if name == "netstrings" else name
        done = subprocess.run(
            [
                *prefix(), *TWISTD, f"--uid={USER}", f"--reactor={reactor}", "--umask=022",
                "--pidfile=daemon.pid", "--logfile=daemon.twistd.log", self.service, *arguments,
            ],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + self.log()
        self.pid = int(self.pid_file.read_text())

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def reload(self) -> None:
        before = self.log().count("reloaded, ")
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: self.log().count("reloaded, ") > before, f"a reload in\n{self.log()}")

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: not self.pid_file.exists(), "the end")
        wait_until(lambda: not Path(f"/proc/{self.pid}").exists(), "the end of its process")

    def kill(self) -> None:
        if Path(f"/proc/{self.pid}").exists():
            os.kill(self.pid, signal.SIGKILL)


class Load:
    """Clients that talk to a port, one conversation after the other, each with its own number."""

    def __init__(self, talk: Talk, port: int) -> None:
        self.done: list[int] = []
        self._talk = talk
        self._port = port
        self._numbers = itertools.count(1)
        self._stopping = False
        self._wrong: list[BaseException] = []
        self._clients = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def more(self, count: int = 50) -> None:
        """Wait for `count` more conversations."""
        enough = len(self.done) + count

        def enough_now() -> bool:
            if self._wrong:
                raise self._wrong[0]
            return len(self.done) >= enough

        wait_until(enough_now, f"{count} more talks")

    def stopping(self) -> None:
        """Allow from now on that the server is gone."""
        self._stopping = True

    def end(self) -> None:
        self._stopping = True
        for client in self._clients:
            client.join(PATIENCE)
        assert not self._wrong, self._wrong

    def _run(self) -> None:
        try:
            while not self._stopping:
                number = next(self._numbers)
                self._talk(self._port, number)
                self.done.append(number)
        except BaseException as error:
            if not self._stopping:
                self._wrong.append(error)


def ask(port: int, *lines: str, answers: int = 1) -> list[str]:
    """Send lines; return the first lines of the answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall("".join(f"{line}\r\n" for line in lines).encode())
        reading = client.makefile("r", encoding="utf-8", newline="\r\n")
        return [reading.readline().removesuffix("\r\n") for _ in range(answers)]


def finger(port: int, number: int) -> None:
    assert ask(port, "ada") == ["At the engine."]


def echo(port: int, number: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(b"%d\n" % number)
        assert client.makefile("rb").readline() == b"%d\n" % number


def chat(port: int, number: int) -> None:
    answer = ask(port, f"guest{number}", "/quit", answers=3)
    assert answer[0].startswith("Who are you?")


def memcached(port: int, number: int) -> None:
    value = "x" * (number % 100)
    answer = ask(port, f"set k{number} 7 0 {len(value)}", value, f"get k{number}", answers=4)
    assert answer == ["STORED", f"VALUE k{number} 7 {len(value)}", value, "END"]


def dns(port: int, number: int) -> None:
    """Ask for the address of ada.example (RFC 1035)."""
    name = b"\3ada\7example\0"
    query = struct.pack("!6H", number % 65536, 0x100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        # The server limits the answers to one address, so each client has its own.
        client.bind((f"127.0.{number // 250 % 250}.{number % 250 + 1}", 0))
        client.connect(("127.0.0.1", port))
        client.send(query)
        answer = client.recv(1000)
    assert answer[:2] == query[:2] and answer.endswith(bytes([192, 0, 2, 1]))


def netstring(port: int, number: int) -> None:
    record = f"record {number} ends".encode()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"%d:%s," % (len(record), record))


def line(port: int, number: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"record {number} ends\n".encode())


def tally(port: int, number: int) -> None:
    assert ask(port, f"word{number}") == [f"word{number}: 1"]


def notes(port: int, number: int) -> None:
    answer = ask(port, f"put n{number} some text", f"get n{number}", answers=2)
    assert answer == ["kept", "some text"]


@attrs.frozen
class Case:
    """A plugin and the conversation with it. listen: its endpoint, with PORT in it."""

    talk: Talk
    arguments: tuple[str, ...] = ()
    listen: str = "tcp:PORT:interface=127.0.0.1"
    reactor: str = "default"


CASES = {
    "echo": Case(echo),
    "finger": Case(finger, ("--user", "ada=At the engine.")),
    "chat": Case(chat),
    "memcached": Case(memcached),
    "hosts": Case(dns, ("--host", "ada.example=192.0.2.1"), "udp:PORT:interface=127.0.0.1"),
    "tally": Case(tally, reactor="asyncio"),
    "notes": Case(notes),
}


@contextlib.contextmanager
def running(folder: Path, name: str, *arguments: str, reactor: str = "default") -> Iterator[Daemon]:
    """Run a daemon; when the body has stopped it, check its log."""
    daemon = Daemon(folder, name, *arguments, reactor=reactor)
    try:
        yield daemon
    finally:
        daemon.kill()
    log = daemon.log()
    assert f"{daemon.service} is ready" in log
    assert f"{daemon.service}: stopped" in log
    assert "Traceback" not in log, log
    assert "Unhandled" not in log, log
    assert log.count(" failed") == 0, log


def under_load(daemon: Daemon, talk: Talk, port: int) -> list[int]:
    """Reload a daemon twice and stop it while clients talk; return the numbers of the conversations."""
    load = Load(talk, port)
    try:
        load.more()
        daemon.reload()
        load.more()
        daemon.reload()
        load.more()
        had = list(load.done)
        load.stopping()
        daemon.stop()
    finally:
        load.end()
    return had


@pytest.mark.parametrize("name", CASES)
def test_clients_of_a_plugin_are_answered_until_the_stop(folder: Path, name: str) -> None:
    case, port = CASES[name], free_port()
    listen = case.listen.replace("PORT", str(port))
    with running(folder, name, "--listen", listen, *case.arguments, reactor=case.reactor) as daemon:
        under_load(daemon, case.talk, port)
    for database in folder.glob("*.db"):
        assert database.owner() == USER


def test_binary_records_are_all_stored(folder: Path) -> None:
    port = free_port()
    listen = f"netstrings:tcp:{port}:interface=127.0.0.1"
    with running(folder, "netstrings", "--listen", listen) as daemon:
        had = under_load(daemon, netstring, port)
    stored = (folder / "logs" / "current.log").read_text()
    assert [number for number in had if f" record {number} ends\n" not in stored] == []
    assert (folder / "logs" / "current.log").owner() == USER


def test_lines_are_all_sent_on(folder: Path) -> None:
    """No line is missing at the server that they go to, which is not the stopping process."""
    port, got = free_port(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    with connection:
                        while data := connection.recv(65536):
                            got.extend(data)

        server = threading.Thread(target=serve)
        server.start()
        to = f"tcp:127.0.0.1:{other.getsockname()[1]}"
        listen = f"tcp:{port}:interface=127.0.0.1"
        try:
            with running(folder, "relay", "--listen", listen, "--to", to) as daemon:
                had = under_load(daemon, line, port)
        finally:
            other.shutdown(socket.SHUT_RDWR)
            server.join(PATIENCE)
    assert [number for number in had if f"record {number} ends\n".encode() not in got] == []


def test_a_job_of_the_cookbook_runs_until_the_stop(folder: Path) -> None:
    with running(folder, "disk") as daemon:
        wait_until(lambda: "MiB are free" in daemon.log(), "the first look")
        daemon.reload()
        daemon.stop()


def test_all_plugins_of_the_page_are_tested_here() -> None:
    assert set(RECIPES) == {*CASES, "netstrings", "relay", "disk"}
