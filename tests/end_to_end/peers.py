"""Real programs that send: rsyslog and syslog-ng with a configuration of the test, and messages
for them.
"""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

LONG = "x" * 20_000


def texts(count: int = 1000) -> list[str]:
    """Return messages with Unicode; each tenth has three lines, each hundredth 20 KB."""
    return [
        f"number {number} grüße 日本 🙂"
        + ("\nits second\nand third line" if number % 10 == 3 else "")
        + (LONG if number % 100 == 5 else "")
        for number in range(count)
    ]


def as_stored(text: str) -> bytes:
    """Return the text as it is in a stored line."""
    return text.encode().replace(b"\n", rb"\x0a")


class Rsyslog:
    """A running rsyslogd that gets messages at a UNIX socket and runs the action of the test."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "rsyslog.sock"

    def send(self, messages: list[str]) -> None:
        """Send messages to it, as a program on its machine does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self.socket))
            for message in messages:
                sender.send(f"<13>Nov 20 06:18:42 app: {message}".encode())


@contextlib.contextmanager
def rsyslog(directory: Path, action: str, modules: str = "") -> Iterator[Rsyslog]:
    """Run rsyslogd with this action; it does not change control characters."""
    rsyslogd = program("rsyslogd", "rsyslog")
    found = Rsyslog(directory)
    conf = directory / "rsyslog.conf"
    conf.write_text(
        f'global(workDirectory="{directory}" net.enableDNS="off" maxMessageSize="64k"'
        ' parser.escapeControlCharactersOnReceive="off")\n'
        'module(load="imuxsock" SysSock.Use="off")\n'
        f"{modules}\n"
        f'input(type="imuxsock" Socket="{found.socket}" CreatePath="on" useSysTimeStamp="off"'
        ' IgnoreTimestamp="off"'
        ' RateLimit.Interval="0")\n'
        f"{action}\n"
    )
    command = [rsyslogd, "-n", "-f", str(conf), "-i", str(directory / "rsyslog.pid")]
    with _running(command, directory / "rsyslog.log"):
        wait_until(found.socket.exists, "rsyslog's socket")
        yield found


def from_file(directory: Path, lines: list[str]) -> str:
    """Write lines into a file; return the source of syslog-ng that reads it."""
    (directory / "in.log").write_text("".join(f"{line}\n" for line in lines))
    return (
        f'file("{directory}/in.log" flags(no-parse) read-old-records(yes) follow-freq(0.1)'
        ' log-msg-size(65536) program-override("app"));'
    )


@contextlib.contextmanager
def syslog_ng(directory: Path, source: str, destination: str) -> Iterator[None]:
    """Run syslog-ng from a source to a destination."""
    command = program("syslog-ng", "syslog-ng-core")
    conf = directory / "syslog-ng.conf"
    conf.write_text(
        f"@version: 3.38\nsource s {{ {source} }};\ndestination d {{ {destination} }};\n"
        "log { source(s); destination(d); };\n"
    )
    places = {"-R": "persist", "-c": "control", "-p": "pid"}
    words = [word for flag, name in places.items() for word in (flag, str(directory / name))]
    with _running([command, "-F", "-f", str(conf), *words], directory / "syslog-ng.log"):
        yield


@contextlib.contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


@contextlib.contextmanager
def running(words: list[str], log: Path, port: int | None = None) -> Iterator[None]:
    """Run a third-party daemon in the foreground; the body begins when it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port or 0), PATIENCE).close()
        except OSError:
            return False
        return True

    try:
        if port is not None:
            wait_until(listens, words[0])
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
