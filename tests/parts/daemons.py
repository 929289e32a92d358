"""Real daemons on free ports of loopback, with stores in the directory of the test; reloads and clocks."""

import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import missing, program
from tests.parts.store_reader import messages
from tests.parts.warm.process import popen

LOOPBACK = "tcp:0:interface=127.0.0.1"
ANSWER = re.compile(r": (reloaded, .*|reload refused, .*)")


class Twistd(TwistdProcess):
    """A daemon of any plugin; a fork of `tests.parts.warm`, where that makes no difference."""

    def spawn(self, command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
        return popen(command, **how)


class Logger(Twistd):
    """`twistd -n logsrv`, and access to its store."""

    @property
    def store(self) -> Path:
        return self.directory / "store"

    @property
    def current(self) -> Path:
        return self.store / "current.log"

    def connect(self, index: int = 0) -> socket.socket:
        """Connect to the listener of that index."""
        return socket.create_connection(("127.0.0.1", self.ports()[index]), PATIENCE)

    def send(self, data: bytes, index: int = 0) -> None:
        """Send `data` over a connection of its own and close it."""
        with self.connect(index) as connection:
            connection.sendall(data)

    def children(self) -> list[int]:
        """Return the ids of the processes that the daemon has started."""
        found = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def child(self, module: str) -> int:
        """Return the id of the process that it has started for a module of logsrv; 0 if there is none."""
        for child in self.children():
            with contextlib.suppress(OSError):
                if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
        return 0

    def messages(self) -> list[bytes]:
        return messages(self.store)

    def wait_for_messages(self, count: int, deadline: float = PATIENCE) -> list[bytes]:
        """Wait until the active segment has `count` lines; return the messages of the whole store."""
        try:
            self.wait_until(
                lambda: self.current.read_bytes().count(b"\n") >= count, f"{count} lines", deadline
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\nThere are: {self.messages()[-20:]}") from None
        return self.messages()


Start = Callable[..., Logger]


@contextlib.contextmanager
def starting(home: Path) -> Iterator[Start]:
    """Yield a function that starts a daemon: `start("--raw", listen=["tcp:0"], …)`; all are ended at the
    end.
    """
    started: list[Logger] = []

    def start(
        *arguments: str,
        listen: Sequence[str] = (LOOPBACK,),
        directory: Path | None = None,
        wait: bool = True,
        **how: object,
    ) -> Logger:
        listens = [word for endpoint in listen for word in ("--listen", endpoint)]
        place = directory or home
        server = Logger(
            "logsrv",
            *listens,
            "--directory",
            str(place / "store"),
            *arguments,
            directory=place,
            **how,  # type: ignore[arg-type]
        )
        started.append(server)
        server.start()
        return server.ready() if wait else server  # type: ignore[return-value]

    try:
        yield start
    finally:
        for server in started:
            server.__exit__(None, None, None)


def faked_time(clock: Path) -> dict[str, str]:
    """Return the environment of a process whose time of day has the offset in the file `clock`."""
    program("faketime", "faketime")
    found = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        missing("libfaketime is not installed (Debian: apt install faketime)")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        # Without a cache two threads that read at once may get a time that was never in the file: only a
        # test whose daemon reads the time once can do without.
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def reload(server: TwistdProcess, said: str = "reloaded") -> None:
    """Send SIGHUP and wait for its answer in the log."""
    before = len(ANSWER.findall(server.log()))
    server.send_signal(signal.SIGHUP)
    server.wait_until(lambda: len(ANSWER.findall(server.log())) > before, "the reload")
    assert said in ANSWER.findall(server.log())[-1]
