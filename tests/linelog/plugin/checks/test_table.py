"""The table of the checks of the line logger."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from logsrv.kit.service.checks.findings import Asked, Level
from logsrv.kit.service.checks.user import myself
from logsrv.linelog.plugin.checks import table
from logsrv.linelog.plugin.checks.table import check_logger
from logsrv.linelog.plugin.settings import LoggerSettings

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def test_one_that_fails_hinders_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    # Other tests write to this disk, too.
    room = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    settings = LoggerSettings(directory=tmp_path / "lines")
    before = list(check_logger(settings, Asked(myself()), NOW))
    assert {one.subject for one in before} == {str(tmp_path / "lines")}
    monkeypatch.setattr(table, "CHECKS", {"first": fail, **table.CHECKS})
    first, *rest = check_logger(settings, Asked(myself()), NOW)
    assert first.level is Level.ERROR
    assert first.sentence == "could not be checked: RuntimeError: a bug"
    assert rest == before
