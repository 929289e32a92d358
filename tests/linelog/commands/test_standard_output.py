"""Lines on their way to stdout: through a pager on a terminal, in large pieces elsewhere."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.commands.standard_output import pager_command, start_pager
from tests.parts.commands import LOGSRV
from tests.parts.stores import lines, make_store

MESSAGES = [f"number {number}" for number in range(200)]


def at_terminal(store: Path, pager: str, *words: str) -> str:
    """What a terminal of 24 lines shows."""
    terminal, side = pty.openpty()
    os.set_blocking(terminal, True)
    child = subprocess.Popen(
        [*LOGSRV, "search", "--directory", str(store), "--color", "never", *words],
        stdin=side,
        stdout=side,
        stderr=side,
        env={**os.environ, "LOGSRV_PAGER": pager, "TERM": "xterm"},
    )
    os.close(side)
    shown = bytearray()
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:
        # Linux says so when nobody has the terminal open any more.
        pass
    os.close(terminal)
    assert child.wait(PATIENCE) in (0, 1)
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [lines(MESSAGES)])


def test_output_longer_than_the_screen_goes_through_the_pager(store):
    shown = at_terminal(store, "sed 's/^/paged /'")
    assert shown.count("paged 2026-11-20T06:0") == 200


def test_output_that_fits_the_screen_uses_no_pager(store):
    shown = at_terminal(store, "sed 's/^/paged /'", "-n", "5")
    assert "paged" not in shown
    assert shown.count("number") == 5


@pytest.mark.slow
def test_no_pager_and_an_unknown_pager_print_directly(store):
    assert at_terminal(store, "sed 's/^/paged /'", "--no-pager").count("paged") == 0
    assert at_terminal(store, "no-such-pager").count("number") == 200
    assert at_terminal(store, "").count("number") == 200


def test_who_leaves_the_pager_ends_the_search(store):
    assert at_terminal(store, "head -n 3").count("number") == 3


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ({"LOGSRV_PAGER": "sed 's/a b/c/'", "PAGER": "cat"}, ["sed", "s/a b/c/"]),
        ({"PAGER": "sed -n p"}, ["sed", "-n", "p"]),
        ({"LOGSRV_PAGER": ""}, []),
        ({"LOGSRV_PAGER": "cat"}, []),
        ({"LOGSRV_PAGER": "no-such-pager"}, []),
        ({"LOGSRV_PAGER": "less 'unclosed"}, []),
        ({"TERM": "dumb"}, []),
        ({"TERM": "dumb", "PAGER": "sed"}, ["sed"]),
    ],
)
def test_the_variables_name_the_pager(variables, command, monkeypatch):
    for name in ("LOGSRV_PAGER", "PAGER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pager_command() == command


def test_less_is_told_to_show_colours_unless_the_user_says_how(monkeypatch, capfd):
    for said, shown in (("FRX", "FRX\n"), ("S", "S\n")):
        if said == "S":
            monkeypatch.setenv("LESS", said)
        else:
            monkeypatch.delenv("LESS", raising=False)
        child = start_pager(["sh", "-c", "echo $LESS"])
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(PATIENCE) == 0
        assert capfd.readouterr().out == shown
