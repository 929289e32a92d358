"""Keys of a terminal."""

import pytest

from logsrv.kit.inspect.typing import MOST_TYPED, LineEditor, TypingOutcome


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (b"tasks\r", b"tasks\n"),
        (b"tasks\r\nhelp\n", b"tasks\nhelp\n"),
        (b"taks\x7f\x7fsks\r", b"tasks\n"),
        (b"nonsense\x15tasks\r", b"tasks\n"),
        (b"nonsense\x03tasks\r", b"tasks\n"),
        (b"log warn\x17debug\r", b"log debug\n"),
        (b"help\rtasks\r\x1b[A\x1b[A\r", b"help\ntasks\nhelp\n"),
        (b"help\rtasks\r\x1bOA\x1bOA\x1bOB\r", b"help\ntasks\ntasks\n"),
        (b"ta\x1b[Dsks\x1b[3~\x00\xc3\xa9\r", b"tasks\n"),
    ],
)
def test_keys_become_lines_however_they_arrive(keys, lines):
    assert LineEditor().receive(keys).lines == lines
    typing = LineEditor()
    pieces = [typing.receive(keys[at : at + 1]).lines for at in range(len(keys))]
    assert b"".join(pieces) == lines


def test_typed_keys_are_echoed_and_erased_ones_removed():
    typing = LineEditor()
    assert typing.receive(b"tax") == TypingOutcome(b"", b"tax")
    assert typing.receive(b"\x7fsks\r") == TypingOutcome(b"tasks\n", b"\b \bsks\r\n")
    assert typing.receive(b"\x1b[A").echo == b"tasks"
    assert typing.receive(b"\x1b[B").echo == b"\b \b" * 5


def test_control_d_ends_the_input_on_an_empty_line_only():
    typing = LineEditor()
    assert not typing.receive(b"x\x04").ended
    assert typing.receive(b"\x7f\x04").ended


def test_the_length_of_a_line_is_bounded():
    typing = LineEditor()
    for _ in range(3):
        typing.receive(b"x" * MOST_TYPED)
    assert len(typing.receive(b"\r").lines) == MOST_TYPED + 1
