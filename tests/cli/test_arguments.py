"""What the commands share on the command line."""

from __future__ import annotations

import argparse

import pytest

from logsrv.cli.arguments import seconds, tell


def test_seconds() -> None:
    assert (seconds("2"), seconds("0.5"), seconds("0")) == (2.0, 0.5, 0.0)


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1s"])
def test_seconds_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no number of seconds"):
        seconds(text)


def test_what_is_told_drives_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell("a file named \x1b[2J is there")
    assert capsys.readouterr().err == "a file named \\x1b[2J is there\n"
