"""The logs of daemons are checked when their test is over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess
from tests.daemon_logs import DAEMON_LOGS, check_log

HERE = Path(__file__).parent
FAILED = """\
2026-11-21T17:09:33+0000 [a.b#critical] cannot accept
\tTraceback (most recent call last):
\tZeroDivisionError: division by zero
"""


def test_an_unexpected_error_in_a_log_fails_the_test(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(FAILED)
    with pytest.raises(AssertionError, match=r"1 errors in log, the first:\n2026.*cannot accept"):
        check_log(log)
    check_log(log, ["ZeroDivisionError"])


def test_a_socket_left_open_fails_the_test(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x.py:1: ResourceWarning: unclosed <socket.socket fd=7>\n")
    with pytest.raises(AssertionError, match="unclosed"):
        check_log(log)


def test_the_logs_of_twistd_processes_are_found(tmp_path: Path) -> None:
    log = TwistdProcess("greet", directory=tmp_path).log_path
    log.touch()
    assert list(tmp_path.rglob(DAEMON_LOGS)) == [log]


def logfiles() -> Iterator[tuple[str, str]]:
    """Yield each `--logfile` that a test names, with the file of the test."""
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and str(node.value).startswith("--logfile="):
                yield path.name, str(node.value)


@pytest.mark.slow
def test_every_logfile_that_a_test_names_is_found() -> None:
    named = [(name, value) for name, value in logfiles() if value != "--logfile="]
    assert named
    for name, value in named:
        assert value.endswith("twistd.log"), f"{name} has {value}"
