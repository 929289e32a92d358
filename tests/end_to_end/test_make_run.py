"""`make run` at a terminal: it says what to try, and stops without a word that looks like a fault."""

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.parts.at_terminal import AtTerminal
from tests.parts.modules import ROOT
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.web_clients import Client

pytestmark = pytest.mark.slow

LAST = "make run: stopped. All lines are in logs/; the next make run goes on from there."


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and this environment, whose logs/ nobody else has."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".make", tmp_path / ".make")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def test_boards_and_alerts_can_be_made_at_once(checkout):
    make = program("make", "make")
    words = (make, "-C", str(checkout), "--no-print-directory", "-o", ".venv/run.ready", "run")
    with AtTerminal(*words, f"PORT={free_port()}", environment={}) as terminal:
        terminal.expect("logsrv is ready")
        found = re.search(r"http://127.0.0.1:(\d+)/", terminal.text())
        assert found is not None
        client = Client(int(found[1]))
        assert json.loads(client.ask("/api/saved").body)["enabled"]
        assert json.loads(client.ask("/api/alerts").body)["may_change"]
        terminal.type("\x03")
        terminal.wait()


@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_make_run_says_after_it_is_stopped_only_that_it_is(how, checkout):
    make = program("make", "make")
    words = (make, "-C", str(checkout), "--no-print-directory", "-o", ".venv/run.ready", "run")
    with AtTerminal(*words, f"PORT={free_port()}", environment={}) as terminal:
        terminal.expect("logsrv is ready")
        if how == "Ctrl-C":
            terminal.type("\x03")
        else:
            os.kill(terminal.process.pid, signal.SIGTERM)
        terminal.wait()
        said = terminal.text().replace("\r", "").rstrip()
    # Seldom make itself has a last word on its own wait, about a child that is gone.
    before, _, after = said.partition(LAST)
    assert before.endswith("0 connections cut off\n")
    assert "Error" not in after and "Terminated" not in after
    assert (checkout / "logs").stat().st_mode & 0o777 == 0o750, (
        "others on the machine read the lines"
    )
