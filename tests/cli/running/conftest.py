"""A `logsrv run` that tests start, save files under, and end."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import LOGSRV
from tests.parts.ports import free_port

SHOUT = """
from logsrv.kit import LineProtocol

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
"""
WHISPER = SHOUT.replace("upper", "lower")
SERVES = "was saved and serves now"


class Running:
    """A `logsrv run` of a file. log(): what it has printed."""

    def __init__(self, file: Path, *options: str, reactor: str = "default") -> None:
        self._log = file.with_suffix(".twistd.log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*LOGSRV, "run", "--reactor", reactor, str(file), *options], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until it has printed a text so many times."""

        def look() -> bool:
            found = self.log().count(text) >= count
            assert found or self.process.poll() is None, f"it ended:\n{self.log()}"
            return found

        try:
            wait_until(look, repr(text))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def ready(self) -> Running:
        self.wait_for("serves; save it to start it again")
        return self

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


Start = Callable[..., Running]


@pytest.fixture
def running() -> Iterator[Start]:
    """Starts one; it is ended after the test."""
    started: list[Running] = []

    def start(file: Path, *options: str, **how: Any) -> Running:
        started.append(Running(file, *options, **how))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
            each.process.wait(PATIENCE)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shout(tmp_path: Path) -> Path:
    """The smallest plugin there is."""
    file = tmp_path / "shout.py"
    file.write_text(SHOUT)
    return file


def ask(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(line.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("r", newline="\r\n").readline().rstrip()


def listening(port: int) -> tuple[str, str]:
    """The options of a plugin for a port."""
    return "--listen", f"tcp:{port}:interface=127.0.0.1"
