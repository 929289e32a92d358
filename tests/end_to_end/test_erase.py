"""`logsrv erase` beside a real server that stores lines, rotates, seals and removes."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.daemons import Logger
from tests.parts.disks import text_of
from tests.parts.erasing import everything
from tests.parts.ports import free_port
from tests.parts.waits import join
from tests.parts.warm.process import popen

pytestmark = pytest.mark.long
NUMBER = re.compile(rb" n=(\d+) ")


class Load:
    """Lines that are sent without a pause, every tenth about ann, as many as `go_on` allows.

    An erase yields to a server. So on a busy machine a load without a bound grew faster than the erases
    followed, and each of them had more to do than the one before.
    """

    def __init__(self, server: Logger) -> None:
        self.sent = 0
        self._server = server
        self._allowed = threading.Semaphore(0)
        self._is_ended = False
        self._sender = threading.Thread(target=self._send)
        self.go_on()
        self._sender.start()

    def go_on(self, lines: int = 3000) -> None:
        """Let so many more lines be sent."""
        self._allowed.release(lines // 50)

    def _send(self) -> None:
        with self._server.connect() as connection:
            while self._allowed.acquire(timeout=PATIENCE) and not self._is_ended:
                connection.sendall(
                    b"".join(
                        b"n=%d user=%b text=%b\n" % (n, b"bob" if n % 10 else b"ann", b"x" * 80)
                        for n in range(self.sent, self.sent + 50)
                    )
                )
                self.sent += 50
                threading.Event().wait(0.02)

    def end(self) -> None:
        """Send no more."""
        self._is_ended = True
        self._allowed.release()
        join(self._sender)


@contextmanager
def sending(server: Logger) -> Iterator[Load]:
    """Send lines in the block."""
    load = Load(server)
    try:
        yield load
    finally:
        load.end()


def test_erases_beside_a_server_under_load_lose_no_other_line(logger):
    server = logger("--rotate-size", "48KiB")
    with sending(server) as load:
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
        for _ in range(4):
            load.go_on()
            shown = logsrv("erase", "user=ann", "--yes", "--reason", "17", "-d", str(server.store))
            assert shown.returncode == 0 and shown.stderr == b"", shown.stderr
            assert b"erased: " in shown.stdout
    server.wait_until(lambda: load.sent - 1 in numbers(server), "the last line")
    shown = logsrv("erase", "user=ann", "--yes", "--directory", str(server.store))
    assert shown.returncode in (0, 1), shown.stderr
    server.stop()
    text = text_of(server.store)
    assert text.count(b"\n") == load.sent
    assert numbers(server) == [n for n in range(load.sent) if n % 10]
    assert [name for name, data in everything(server.store).items() if b"user=ann" in data] == []
    assert logsrv("erase", "user=ann", "--yes", "-d", str(server.store)).returncode == 1
    doctor = logsrv("doctor", str(server.store))
    assert doctor.returncode == 0, doctor.stdout
    assert " lines erased in " in server.log()


def numbers(server: Logger) -> list[int]:
    return [int(one) for one in NUMBER.findall(text_of(server.store))]


def test_two_erases_at_once_and_one_that_is_killed(logger):
    server = logger("--rotate-size", "48KiB")
    with sending(server) as load:
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
        load.go_on()
        words = [*LOGSRV, "erase", "user=ann", "--yes", "-d", str(server.store)]
        pipes = dict.fromkeys(("stdout", "stderr", "stdin"), subprocess.PIPE)
        processes = [popen(words, **pipes) for _ in range(3)]
        said = [process.communicate(timeout=PATIENCE) for process in processes]
        for process, (_, errors) in zip(processes, said, strict=True):
            assert process.returncode in (0, 1), errors
        assert 0 in [process.returncode for process in processes]
        for _ in range(5):
            load.go_on()
            _kill_at_once(server, popen(words, **pipes))
    shown = logsrv("erase", "user=ann", "--yes", "-d", str(server.store))
    assert shown.returncode in (0, 1), shown.stderr
    server.stop()
    assert [name for name, data in everything(server.store).items() if b"user=ann" in data] == []
    assert logsrv("doctor", str(server.store)).returncode == 0


def test_erases_while_retention_removes_segments_and_a_backup_is_taken(logger, tmp_path):
    server = logger("--rotate-size", "24KiB", "--keep-bytes", "60KiB")
    to = str(tmp_path / "to")
    with sending(server) as load:
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
        for _ in range(5):
            load.go_on()
            assert logsrv("backup", str(server.store), to).returncode == 0
            shown = logsrv("erase", "user=ann", "--yes", "-d", str(server.store))
            # Retention may have taken all of the segments before their turn came.
            assert shown.returncode in (0, 1), shown.stderr
    shown = logsrv("erase", "user=ann", "--yes", "-d", str(server.store))
    server.stop()
    assert [name for name, data in everything(server.store).items() if b"user=ann" in data] == []
    doctor = logsrv("doctor", str(server.store))
    assert doctor.returncode == 0, doctor.stdout
    assert logsrv("backup", "--delete", str(server.store), to).returncode == 0
    assert [name for name, data in everything(tmp_path / "to").items() if b"user=ann" in data] == []
    doctor = logsrv("doctor", to)
    assert doctor.returncode == 0, doctor.stdout


def _kill_at_once(server: Logger, process: subprocess.Popen[bytes]) -> None:
    """Kill an erase as soon as it has begun."""
    server.wait_until(
        lambda: (server.store / "erasing").exists() or process.poll() is not None, "an erase"
    )
    process.kill()
    process.communicate(timeout=PATIENCE)


def test_a_page_that_remembers_figures_answers_without_erased_lines(logger):
    """The parts of answers that a server remembers are of other lines then."""
    port = free_port()
    server = logger("--rotate-size", "48KiB", "--http", f"tcp:{port}:interface=127.0.0.1")
    with sending(server) as load:
        server.wait_until(lambda: len(list(server.store.glob("*.zst"))) > 3, "segments")
    server.wait_until(lambda: numbers(server)[-1] == load.sent - 1, "the last line")

    def by_user() -> dict[str, int]:
        where = f"http://127.0.0.1:{port}/api/table?q=%7C+count+by+user"
        with urlopen(where, timeout=PATIENCE) as answer:
            table = json.load(answer)
        return {str(row[0]): row[1] for row in table["rows"]}

    before = by_user()
    assert before["ann"] == load.sent // 10 and by_user() == before
    assert logsrv("erase", "user=ann", "--yes", "-d", str(server.store)).returncode == 0
    after = by_user()
    assert "ann" not in after and after["bob"] == before["bob"]
    server.stop()
