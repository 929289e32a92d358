"""The parser of every command's arguments."""

from __future__ import annotations

import argparse

import pytest

from logsrv.cli.arguments import USAGE, Parser, did_you_mean, seconds


def parser() -> Parser:
    made = Parser("logsrv test", "A test.")
    made.add_argument("--hex", action="store_true")
    made.add_argument("--wait", type=seconds)
    made.add_argument("words", nargs="*")
    return made


def test_options_may_stand_anywhere() -> None:
    found = parser().parse_args(["a", "--hex", "--wait", "0.5"])
    assert (found.words, found.hex, found.wait) == (["a"], True, 0.5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hx"], "--hx is no option, did you mean --hex?"),
        (["--he"], "--he is no option, did you mean --hex?"),
        (["--\x1b[2J"], "\\x1b[2J"),
        (["--wait"], "argument --wait: expected one argument"),
    ],
)
def test_a_mistake_ends_it_with_a_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No abbreviations: a script that uses one would break with the next option."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == USAGE
    error = capsys.readouterr().err
    assert said in error
    assert error.endswith("; logsrv test --help shows what there is\n")


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1s"])
def test_seconds_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no number of seconds"):
        seconds(text)


def test_did_you_mean_says_nothing_when_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["connect", "run"]) == ""
