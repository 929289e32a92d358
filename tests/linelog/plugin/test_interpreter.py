"""A Python that the user of the service may not run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

import logsrv
from logsrv.linelog.plugin.interpreter import check_interpreter


def said(*needed_by: str) -> list[str]:
    with capturedLogs() as events:
        check_interpreter(needed_by)
    return [formatEvent(event) for event in events]


def test_all_is_well() -> None:
    assert said("searches", "alerts") == []


def test_one_that_may_not_be_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, with what does not work."""
    python = tmp_path / "python"
    python.touch(mode=0o644)
    monkeypatch.setattr(sys, "executable", str(python))
    [sentence] = said("searches", "live views", "alerts")
    assert f"may not execute {python}" in sentence
    assert "there are no searches, live views or alerts" in sentence
    assert said() == []


def test_modules_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logsrv, "__file__", str(tmp_path / "gone.py"))
    [sentence] = said("alerts")
    assert f"may not read {tmp_path}/gone.py" in sentence
