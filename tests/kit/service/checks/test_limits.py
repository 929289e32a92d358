"""Limits by the process that runs, the unit that starts it, or our own."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.service.checks import limits
from logsrv.kit.service.checks.findings import Level
from logsrv.kit.service.checks.limits import (
    Surroundings,
    check_open_files,
    may_write,
    surroundings,
    unit_of,
)

UNIT = """\
LoadState=loaded
LimitNOFILE=65536
AmbientCapabilities=cap_net_bind_service
User=logsrv
RuntimeDirectory=logsrv other
NFileDescriptorStore=3
"""


def test_a_unit_is_read() -> None:
    unit = unit_of(UNIT, "logsrv")
    assert unit is not None
    assert (unit.files, unit.binds_low, unit.told_by) == (65536, True, "of logsrv.service")
    assert unit.kept == 3 and unit.makes("/run/logsrv") and not unit.makes("/run/nginx")


@pytest.mark.parametrize(("user", "binds_low"), [("root", True), ("", True), ("logsrv", False)])
def test_who_may_listen_at_low_ports(user: str, binds_low: bool) -> None:
    unit = unit_of(f"LoadState=loaded\nUser={user}\nLimitNOFILE=infinity\n", "logsrv")
    assert unit is not None and unit.binds_low is binds_low and unit.files > 10**6


@pytest.mark.parametrize("text", ["", "LoadState=not-found\nLimitNOFILE=524288\n", "nonsense"])
def test_there_is_no_unit(text: str) -> None:
    assert unit_of(text, "logsrv") is None


STRICT = """\
LoadState=loaded
ExecStart={ path=/opt/twistd ; argv[]=/opt/twistd -n logsrv --config /etc/logsrv.toml ; pid=0 }
ProtectSystem=strict
ReadWritePaths=/srv/alerts -/srv/more
RuntimeDirectory=logsrv
StateDirectory=logsrv
"""


@pytest.mark.parametrize(
    ("directory", "may"),
    [
        ("/var/lib/logsrv/lines", True),
        ("/srv/alerts", True),
        ("/srv/more/lines", True),
        ("/run/logsrv/lines", True),
        ("/srv/lines", False),
        ("/var/lib/logsrv.old", False),
    ],
)
def test_where_a_unit_lets_a_service_write(directory: str, *, may: bool) -> None:
    assert may_write(STRICT, directory, "/etc/logsrv.toml") is may
    # Another configuration than that of the unit, a unit without limits, no unit.
    assert may_write(STRICT, directory, "/root/other.toml")
    assert may_write(STRICT.replace("strict", "full"), directory, "/etc/logsrv.toml")
    assert may_write(f"{STRICT}ReadWritePaths=/\n", directory, "/etc/logsrv.toml")
    assert may_write("", directory, "/etc/logsrv.toml")


def test_systemd_is_asked_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\n[ $2 = logsrv.service ] && cat <<E\n{UNIT}E\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(limits, "SYSTEMD", tmp_path / "no")
    assert "shell" in surroundings("logsrv", None, is_me=False).told_by
    monkeypatch.setattr(limits, "SYSTEMD", tmp_path)
    assert surroundings("logsrv", None, is_me=False).files == 65536
    # The process that runs may have been started otherwise.
    running = surroundings("logsrv", os.getpid(), is_me=False)
    assert running.pid == os.getpid() and running.makes("/run/logsrv")
    program.unlink()
    assert "shell" in surroundings("greet", None, is_me=False).told_by


def test_a_process_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(limits, "SYSTEMD", tmp_path / "no")
    ours = surroundings("logsrv", os.getpid(), is_me=True)
    assert (ours.pid, ours.uid) == (os.getpid(), os.geteuid())
    assert ours.files == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert ours.told_by == f"of process {os.getpid()}"
    gone = surroundings("logsrv", 2**22 + 1, is_me=True)
    assert gone.pid is None and gone.told_by == "of this shell"
    assert surroundings("logsrv", None, is_me=False).binds_low is None


def test_connections_that_have_no_room_are_said_as_at_the_start() -> None:
    around = Surroundings(told_by="of logsrv.service", files=1024)
    [found] = check_open_files([GuardPolicy(max_connections=100)], around)
    assert (found.level, found.sentence) == (Level.OK, "is enough: 1024 (of logsrv.service)")
    rules = [GuardPolicy(max_connections=1000), GuardPolicy(max_connections=1000)]
    [found] = check_open_files(rules, around)
    assert found.level is Level.WARNING
    assert found.sentence.startswith("--max-connections lets 2000 in, all listeners together")
    assert found.advice.startswith("LimitNOFILE=")
    # Those who ask how it is have what is kept for them.
    [found] = check_open_files([GuardPolicy(oversees=True, max_connections=10**6)], around)
    assert found.level is Level.OK
