"""The twistd child: what it says is shown when something waited for does not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.kit.testing import TelnetSession, TwistdProcess, wait_until


def test_start_talk_stop(tmp_path: Path) -> None:
    with TwistdProcess(
        "greet", "--listen", "tcp:0:interface=127.0.0.1", directory=tmp_path
    ) as server:
        with TelnetSession(server.port()) as session:
            session.expect("Thank you for connecting")
        assert server.wait_for_log(r"greet is (\w+)")[1] == "ready"
        assert server.stop() in (0, -15)


def test_a_child_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """The error has what the child said, at once and not after a deadline."""
    process = TwistdProcess("greet", "--no-such-option", directory=tmp_path)
    with pytest.raises(AssertionError, match=r"ended with status 1 before[\s\S]*no-such-option"):
        process.start().ready()


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for the moon"):
        wait_until(lambda: None, "the moon", 0.01)
