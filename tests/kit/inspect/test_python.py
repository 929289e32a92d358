"""The Python prompt."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from logsrv.kit.inspect.python import PythonPrompt


def test_statements_over_several_lines_and_what_they_print() -> None:
    prompt = PythonPrompt({"service": "shout"})
    assert prompt.push("service") == ["'shout'"]
    assert prompt.push("for letter in 'ab':") == [] and prompt.text == "... "
    assert prompt.push("    print(letter)") == []
    assert prompt.push("") == ["a", "b"] and prompt.text == ">>> "


def test_errors_are_shown_and_go_no_further() -> None:
    prompt = PythonPrompt({})
    assert prompt.push("1 / 0")[-1] == "ZeroDivisionError: division by zero"
    assert "SyntaxError" in prompt.push("a b")[-1]
    assert not prompt.ended


def test_exit_ends_the_prompt_and_not_the_service() -> None:
    prompt = PythonPrompt({})
    prompt.push("raise SystemExit(3)")
    assert prompt.ended


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_it_is_left_without_closing_standard_input(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is somebody's input where a service has `--listen stdin:`."""
    monkeypatch.setattr(sys, "stdin", StringIO("lines"))
    prompt = PythonPrompt({})
    prompt.push(f"{word}()")
    assert prompt.ended and not sys.stdin.closed
