"""The process of the alerts by itself, with the test in the daemon's place."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from logsrv.clock import Clock
from logsrv.kit.children.child_side import MEMORY
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress
from logsrv.linelog.alerts.alert_protocol import (
    AlertOrders,
    AlertReport,
    AlertTask,
    encode_message,
    orders_from_line,
    report_from_line,
)
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.alerts import MODULE
from logsrv.linelog.store.segment import Position
from tests.parts.child_processes import read_message, send
from tests.parts.stores import line, make_store

COMMAND = (sys.executable, "-P", "-m", MODULE)
BEGIN = Position(1, len(line("before")))


def looks(pid: int) -> bool:
    """Whether a process has the folder of the places open."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if os.readlink(fd).endswith("/store/alerts"):
                return True
    return False


@contextmanager
def child(directory: Path, command: str = "cat") -> Iterator[subprocess.Popen[bytes]]:
    """The process, with an alert for `oops` that appends its text to a file `out`."""
    store = make_store(directory / "store", [[line("before")]])
    words = ("sh", "-c", f"exec >>{directory}/out; {command}")
    alert = AlertSettings(alert="oops", alert_command=words, alert_every=100)
    task = AlertTask("1", "command", alert, BEGIN)
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    try:
        send(process, encode_message(AlertOrders(str(store), "", {"1": task})))
        yield process
    finally:
        process.kill()
        process.communicate()


def report(process: subprocess.Popen[bytes], kind: str) -> AlertReport:
    """The next report of that kind."""
    assert process.stdout is not None
    while found := read_message(process.stdout):
        if (one := report_from_line(found)).kind == kind:
            return one
    raise AssertionError(f"the process ended without {kind}")


def watching(directory: Path) -> None:
    """Wait until it keeps a place, as it does first of all."""
    wait_until((directory / "store" / "alerts" / "1").exists, "the process")


def write(directory: Path, message: str) -> None:
    with (directory / "store" / "current.log").open("ab") as file:
        file.write(line(message))


def end(process: subprocess.Popen[bytes]) -> None:
    """Close its input, as the daemon does."""
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None


@pytest.mark.slow
def test_the_alert_process_reports_what_it_sends_until_its_input_ends(tmp_path):
    """Lines that wait for the end of the interval are sent then."""
    with child(tmp_path) as process:
        write(tmp_path, "oops 1")
        assert report(process, "sent") == AlertReport("sent", "1", "command")
        assert "oops 1" in (tmp_path / "out").read_text()
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 10
        assert os.getpgid(process.pid) == process.pid
        write(tmp_path, "oops 2")
        end(process)
        report(process, "sent")
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "out").read_text().count("oops 2") == 1


@pytest.mark.slow
def test_the_process_has_bounded_memory_and_its_programs_have_not(tmp_path):
    with child(tmp_path, "cat; ulimit -v") as process:
        watching(tmp_path)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        [bound] = [one.split()[3] for one in limits.splitlines() if one.startswith("Max address")]
        assert int(bound) == MEMORY
        write(tmp_path, "oops 1")
        report(process, "sent")
    assert (tmp_path / "out").read_text().endswith("unlimited\n")


@pytest.mark.slow
def test_the_alert_process_waits_for_that_of_a_killed_daemon(tmp_path):
    """That has the places for a few seconds more, and tells of lines from them on."""
    make_store(tmp_path / "store", [[line("before")]])
    other = AlertPlaces(str(tmp_path / "store"), "", Clock())
    assert other.folder.lock()
    with child(tmp_path) as process:
        write(tmp_path, "oops 1")
        task = AlertTask("1", "command", AlertSettings(alert="oops", alert_command=("x",)), BEGIN)
        wait_until(lambda: looks(process.pid), "it to look for the lock")
        size = (tmp_path / "store" / "current.log").stat().st_size
        other.save_progress("1", task, AlertProgress(Position(1, size)))
        other.folder.close()
        write(tmp_path, "oops 2")
        report(process, "sent")
    assert "oops 1" not in (tmp_path / "out").read_text()


@pytest.mark.long
def test_a_command_that_hangs_does_not_keep_the_alert_process(tmp_path):
    with child(tmp_path, "echo $$; exec sleep 600") as process:
        write(tmp_path, "oops 1")
        wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text(), "it")
        end(process)
        report(process, "put-off")
        assert process.wait(PATIENCE) == 0
    pid = int((tmp_path / "out").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists(), "the end of the command")


def test_orders_are_read_as_they_were_written():
    alert = AlertSettings(
        alert='"\u20ac\n"',
        name="web",
        alert_command=("x", "a b"),
        alert_variable=("TOKEN",),
        alert_every=1.5,
    )
    hook = AlertSettings(alert="x", alert_webhook="http://x/")
    orders = AlertOrders(
        "/store",
        "ab" * 16,
        {
            "7": AlertTask("web", "command", alert, Position(3, 4)),
            "8": AlertTask("2", "webhook", hook, Position(3, 4), Position(5, 6)),
        },
    )
    line = encode_message(orders)
    assert b"\n" not in line and orders_from_line(line) == orders


@pytest.mark.parametrize(
    "report",
    [
        AlertReport("sent", "1", "command"),
        AlertReport("later", "1", "webhook", "no route\nto it"),
        AlertReport("put-off", "web", "command", number=3),
        AlertReport("done", name="7"),
    ],
)
def test_reports_are_read_as_they_were_written(report):
    line = encode_message(report)
    assert b"\n" not in line and report_from_line(line) == report
