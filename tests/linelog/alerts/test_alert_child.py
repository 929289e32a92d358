"""The process of the alerts by itself, with the test in the daemon's place."""

import os
from contextlib import AbstractContextManager, suppress
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
from tests.parts.child_processes import RealChild, real_child
from tests.parts.stores import line, make_store

BEGIN = Position(1, len(line("before")))


def looks(pid: int) -> bool:
    """Whether a process has the folder of the places open."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if os.readlink(fd).endswith("/store/alerts"):
                return True
    return False


def child(directory: Path, command: str = "cat") -> AbstractContextManager[RealChild]:
    """The process, with an alert for `oops` that appends its text to a file `out`."""
    store = make_store(directory / "store", [[line("before")]])
    words = ("sh", "-c", f"exec >>{directory}/out; {command}")
    alert = AlertSettings(alert="oops", alert_command=words, alert_every=100)
    orders = AlertOrders(str(store), "", {"1": AlertTask("1", "command", alert, BEGIN)})
    return real_child(MODULE, encode_message(orders), report_from_line)


def watching(directory: Path) -> None:
    """Wait until it keeps a place, as it does first of all."""
    wait_until((directory / "store" / "alerts" / "1").exists, "the process")


def write(directory: Path, message: str) -> None:
    with (directory / "store" / "current.log").open("ab") as file:
        file.write(line(message))


@pytest.mark.slow
def test_the_alert_process_reports_what_it_sends_until_its_input_ends(tmp_path):
    """Lines that wait for the end of the interval are sent then."""
    with child(tmp_path) as one:
        write(tmp_path, "oops 1")
        assert one.kind("sent") == AlertReport("sent", "1", "command")
        assert "oops 1" in (tmp_path / "out").read_text()
        assert os.getpriority(os.PRIO_PROCESS, one.process.pid) >= 10
        assert os.getpgid(one.process.pid) == one.process.pid
        write(tmp_path, "oops 2")
        one.end()
        one.kind("sent")
        assert one.process.wait(PATIENCE) == 0
    assert (tmp_path / "out").read_text().count("oops 2") == 1


@pytest.mark.slow
def test_the_process_has_bounded_memory_and_its_programs_have_not(tmp_path):
    with child(tmp_path, "cat; ulimit -v") as one:
        watching(tmp_path)
        limits = Path(f"/proc/{one.process.pid}/limits").read_text()
        [bound] = [one.split()[3] for one in limits.splitlines() if one.startswith("Max address")]
        assert int(bound) == MEMORY
        write(tmp_path, "oops 1")
        one.kind("sent")
    assert (tmp_path / "out").read_text().endswith("unlimited\n")


@pytest.mark.slow
def test_the_alert_process_waits_for_that_of_a_killed_daemon(tmp_path):
    """That has the places for a few seconds more, and tells of lines from them on."""
    make_store(tmp_path / "store", [[line("before")]])
    other = AlertPlaces(str(tmp_path / "store"), "", Clock())
    assert other.folder.lock()
    with child(tmp_path) as one:
        write(tmp_path, "oops 1")
        task = AlertTask("1", "command", AlertSettings(alert="oops", alert_command=("x",)), BEGIN)
        wait_until(lambda: looks(one.process.pid), "it to look for the lock")
        size = (tmp_path / "store" / "current.log").stat().st_size
        other.save_progress("1", task, AlertProgress(Position(1, size)))
        other.folder.close()
        write(tmp_path, "oops 2")
        one.kind("sent")
    assert "oops 1" not in (tmp_path / "out").read_text()


@pytest.mark.long
def test_a_command_that_hangs_does_not_keep_the_alert_process(tmp_path):
    with child(tmp_path, "echo $$; exec sleep 600") as one:
        write(tmp_path, "oops 1")
        wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text(), "it")
        one.end()
        one.kind("put-off")
        assert one.process.wait(PATIENCE) == 0
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
