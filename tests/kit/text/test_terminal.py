"""Help with its paragraphs, the line that is replaced, and standard output that nobody takes."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing import TWISTD
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.paragraphs import paragraphs, wrap_for_terminal
from logsrv.kit.text.terminal import StatusLine
from tests.parts.terminals import Terminal

TEXT = """\
A first
paragraph.
Its end.

Examples:
  one  two

    three
And more.
"""


def test_indented_parts_stay_as_they_are():
    assert list(paragraphs(TEXT)) == [
        (False, "A first paragraph. Its end."),
        (False, "Examples:"),
        (True, "one  two\n\n  three"),
        (False, "And more."),
    ]


def test_paragraphs_are_wrapped_and_words_stay_whole():
    assert wrap_for_terminal(TEXT, 12).startswith(
        "A first\nparagraph.\nIts end.\n\nExamples:\n\n  one  two\n"
    )
    assert wrap_for_terminal("see https://example.org/a-b", 8) == "see\nhttps://example.org/a-b\n"
    assert wrap_for_terminal("", 80) == ""


@given(st.text(alphabet="ab .\n\t", max_size=60))
def test_no_word_is_lost(text):
    assert wrap_for_terminal(text, 20).split() == text.split()


def test_nothing_is_written_but_to_a_terminal():
    stream = io.StringIO()
    line = StatusLine(stream, lambda: 0.0)
    line.show("x")
    line.clear()
    assert not line.wanted and stream.getvalue() == ""


def test_each_text_replaces_the_last_and_the_end_clears_it():
    line = StatusLine(stream := Terminal(), lambda: 0.0)
    line.show("first")
    line.show("next")
    line.clear()
    line.clear()
    assert stream.getvalue() == "\rfirst\x1b[K\rnext\x1b[K\r\x1b[K"


def test_a_long_text_is_cut(monkeypatch):
    """One that goes on in the next row would stay there."""
    line = StatusLine(stream := Terminal(), lambda: 0.0)
    monkeypatch.setattr(stream, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((10, 24)))
    line.show("0123456789")
    assert stream.getvalue() == "\r012345678\x1b[K"


def test_it_is_due_a_few_times_a_second_and_never_without_a_terminal():
    now = [5.0]
    line, nowhere = (StatusLine(one, lambda: now[0], 0.5) for one in (Terminal(), io.StringIO()))
    assert not line.due
    now[0] += 0.5
    assert line.due and not nowhere.due
    line.show("x")
    assert not line.due and line.seconds == 0.5


PROGRAM = """
from logsrv.kit.text.terminal import discard_unwritten_output
print("x" * 100, end="")
discard_unwritten_output()
"""


def test_buffered_output_is_dropped():
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, env=environment, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.slow
@pytest.mark.parametrize("word", ["--help", "--version"])
def test_a_full_disk_is_one_sentence(word):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*TWISTD, "greet", word], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE
        )
    assert (done.returncode, done.stderr) == (1, b"standard output: No space left on device\n")
