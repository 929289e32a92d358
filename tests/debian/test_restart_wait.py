"""What the unit runs before a start and after an end: each failure has the next start wait longer."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debian.debs import CHECKOUT

UNITS = (
    CHECKOUT / "packaging/systemd/logsrv.service",
    CHECKOUT / "logsrv/kit/template/all/NAME.service.jinja",
)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], str]:
    """Runs it as systemd does, where `sleep` prints for how long; returns what is printed."""
    (tmp_path / "programs").mkdir()
    (tmp_path / "run").mkdir()
    sleep = tmp_path / "programs/sleep"
    sleep.write_text("#!/bin/sh\necho slept $1\n")
    sleep.chmod(0o755)

    def run(result: str = "") -> str:
        settings = {
            "PATH": f"{tmp_path}/programs:/usr/bin:/bin",
            "RUNTIME_DIRECTORY": f"{tmp_path}/run",
        }
        if result:
            settings["SERVICE_RESULT"] = result
        command = ["sh", "packaging/systemd/restart-wait.sh", "logsrv"]
        return subprocess.check_output(command, cwd=CHECKOUT, env=settings, text=True)

    return run


def test_the_next_start_after_each_failure_waits_longer(run):
    slept = []
    for _ in range(7):
        slept.append(run().rpartition("slept ")[2].strip())
        assert run("exit-code") == ""
    assert slept == ["", "2", "6", "14", "30", "30", "30"]
    assert run().startswith(
        "<4>logsrv has just failed (journalctl -u logsrv says why): it is started again in 30 s\n"
    )


def test_a_stop_in_good_order_or_five_minutes_end_the_wait(run, tmp_path):
    run()
    assert run("success") == "" and run() == ""
    before = time.time() - 600
    os.utime(tmp_path / "run/wait-seconds", (before, before))
    run("exit-code")
    assert run() == ""


def test_who_stops_the_wait_ends_it_for_the_next_start(run, tmp_path):
    run()
    (tmp_path / "programs/sleep").write_text("#!/bin/sh\nkill $PPID\n")
    with pytest.raises(subprocess.CalledProcessError):
        run()
    assert run() == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.suffix)
def test_units_start_again_for_ever_under_their_own_name(unit):
    lines = unit.read_text().splitlines()
    assert "StartLimitIntervalSec=0" in lines and "Restart=on-failure" in lines
    assert any(line.startswith("SyslogIdentifier=") for line in lines)
    for moment in ("ExecStartPre", "ExecStopPost"):
        assert f"{moment}=-/usr/lib/logsrv/restart-wait.sh %N" in lines
