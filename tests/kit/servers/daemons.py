"""Plugins as operators run them: daemons, of another user if we are root; reload and stop under load."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemon_logs import DAEMON_LOGS, check_log

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

Talk = Callable[[int], None]


def as_user() -> bool:
    """Return whether daemons run as that user; becoming another user takes root."""
    return os.geteuid() == 0


def prefix() -> list[str]:
    """Return the words to put before a command that the other user runs."""
    if not as_user():
        return []
    closed = [each for each in Path(sys.base_prefix).parents if not each.stat().st_mode & 0o001]
    if not closed:
        return []
    return ["unshare", "-m", "sh", "-c", NAMESPACE, "sh", str(closed[-1]), sys.base_prefix]


@contextlib.contextmanager
def folder_of_user() -> Iterator[Path]:
    """Make a folder of that user for a while; pytest's own folders are closed to other users."""
    made = Path(tempfile.mkdtemp(prefix="daemon-"))
    if as_user():
        user = pwd.getpwnam(USER)
        os.chown(made, user.pw_uid, user.pw_gid)
    made.chmod(0o755)
    (made / "twisted" / "plugins").mkdir(parents=True)
    yield made
    for log in made.glob(DAEMON_LOGS):
        check_log(log)
    shutil.rmtree(made)


class Daemon:
    """A plugin as a daemon, in `folder`; `source` is the file that twistd finds.

    service: the word behind twistd, if it is not the plugin's name.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        source: str,
        *arguments: str,
        service: str = "",
    ) -> None:
        self.service = service or name
        self._folder = folder
        self.pid_file = folder / "daemon.pid"
        self.log_file = folder / "daemon.twistd.log"
        (folder / "twisted" / "plugins" / f"{name}_plugin.py").write_text(source)
        user = [f"--uid={USER}"] if as_user() else []
        self._command = [
            *prefix(), *TWISTD, *user, "--umask=022", "--pidfile=daemon.pid",
            "--logfile=daemon.twistd.log", self.service, *arguments,
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it; after `kill` once more."""
        self.pid_file.unlink(missing_ok=True)
        done = subprocess.run(
            self._command,
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
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
            wait_until(lambda: not Path(f"/proc/{self.pid}").exists(), "the end of its process")


class Load:
    """Clients in threads, one conversation after the other, each with its own number, until the end.

    hang_up: it ends conversations that do not notice the end of the server.
    """

    def __init__(self, talk: Talk, hang_up: Callable[[], None] = lambda: None) -> None:
        self.done: list[int] = []
        self._talk = talk
        self._numbers = itertools.count(1)
        self._hang_up = hang_up
        self._stopping = False
        self._ended = False
        self._wrong: list[BaseException] = []
        self._clients = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def more(self, count: int) -> None:
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
        self._stopping = self._ended = True

        def all_ended() -> bool:
            self._hang_up()
            return not any(client.is_alive() for client in self._clients)

        wait_until(all_ended, "the end of the clients")
        if self._wrong:
            raise self._wrong[0]

    def _run(self) -> None:
        try:
            while not self._ended:
                number = next(self._numbers)
                self._talk(number)
                self.done.append(number)
        except BaseException as error:
            if not self._stopping:
                self._wrong.append(error)


@contextlib.contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Kill a daemon that the body has not stopped; check its log."""
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


def under_load(
    daemon: Daemon, talk: Talk, count: int = 20, hang_up: Callable[[], None] = lambda: None
) -> list[int]:
    """Reload a daemon twice and stop it while clients talk; return the numbers of the conversations."""
    load = Load(talk, hang_up)
    try:
        load.more(count)
        daemon.reload()
        load.more(count)
        daemon.reload()
        load.more(count)
        had = list(load.done)
        load.stopping()
        daemon.stop()
    finally:
        load.end()
    return had
