"""Keys of a terminal."""

import pytest

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")

from logsrv.kit.inspect.terminal import LONGEST_KEY, MOST_REMEMBERED, MOST_TYPED, LineEditor

UP, DOWN, LEFT, HOME, DELETE = b"\x1b[A", b"\x1b[B", b"\x1b[D", b"\x1b[H", b"\x1b[3~"


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (b"tasks\rhelp\n", b"tasks\nhelp\n"),
        (b"taks\x7f\bsks\r", b"tasks\n"),
        (b"nonsense\x15tasks\r", b"tasks\n"),
        (b"nonsense\x03tasks\r", b"tasks\n"),
        (b"help\rtasks\r" + UP + UP + b"\r", b"help\ntasks\nhelp\n"),
        (b"help\rtasks\r" + UP + UP + DOWN + b"\r", b"help\ntasks\ntasks\n"),
        (b"tass" + LEFT + b"k\r", b"tasks\n"),
        (b"xask\x01" + DELETE + b"t\x05s\r", b"tasks\n"),
        (b"ask" + HOME + b"t\r", b"task\n"),
        (b"ta\x1b[2~\x1b[15~\t\x00\x0c\xc3\xa9sks\r", b"tasks\n"),
    ],
)
def test_keys_become_lines_however_they_arrive(keys, lines):
    assert LineEditor().receive(keys)[0] == lines
    editor = LineEditor()
    pieces = [editor.receive(keys[at : at + 1])[0] for at in range(len(keys))]
    assert b"".join(pieces) == lines


def test_typed_keys_are_echoed_and_erased_ones_removed():
    editor = LineEditor()
    assert editor.receive(b"tax") == (b"", b"tax")
    assert editor.receive(b"\x7fsks\r") == (b"tasks\n", b"\x1b[1D\x1b[1Psks\r\n")
    assert editor.receive(UP) == (b"", b"\x1b[Ktasks")
    assert editor.receive(b"\x03") == (b"", b"\x1b[5D\x1b[K")


def test_a_letter_in_the_midst_of_a_line_moves_the_rest():
    editor = LineEditor()
    assert editor.receive(b"tsks" + LEFT * 3) == (b"", b"tsks" + b"\x1b[1D" * 3)
    assert editor.receive(b"a") == (b"", b"\x1b[@a")


def test_a_terminal_is_neither_cleared_nor_left_in_another_mode():
    assert LineEditor().receive(b"") == (b"", b"")


def test_control_d_ends_the_input_on_an_empty_line_only():
    editor = LineEditor()
    editor.receive(b"x\x04")
    assert not editor.ended
    assert editor.receive(b"\x7f\x04tasks\r")[0] == b""
    assert editor.ended


def test_the_length_of_a_line_is_bounded():
    editor = LineEditor()
    for _ in range(3):
        editor.receive(b"x" * MOST_TYPED + b"\t")
    assert len(editor.receive(b"\r")[0]) == MOST_TYPED + 1


def test_earlier_lines_and_an_endless_key_take_bounded_memory():
    editor = LineEditor()
    for number in range(2 * MOST_REMEMBERED):
        editor.receive(b"help %d\r" % number)
    assert editor.receive(UP * 3 * MOST_REMEMBERED + b"\r")[0] == b"help %d\n" % MOST_REMEMBERED
    editor.receive(b"\x1b[")
    for _ in range(100):
        editor.receive(b"1" * 1000)
    assert len(editor._keys.escBuf) == LONGEST_KEY
    assert editor.receive(b"~tasks\r")[0] == b"tasks\n"
