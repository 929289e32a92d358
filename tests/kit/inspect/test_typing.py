"""Keys of a terminal."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
def test_keys_become_lines_however_they_arrive(keys: bytes, lines: bytes) -> None:
    assert LineEditor().receive(keys).lines == lines
    typing = LineEditor()
    pieces = [typing.receive(keys[at : at + 1]).lines for at in range(len(keys))]
    assert b"".join(pieces) == lines


def test_typed_keys_are_echoed_and_erased_ones_removed() -> None:
    typing = LineEditor()
    assert typing.receive(b"tax") == TypingOutcome(b"", b"tax")
    assert typing.receive(b"\x7fsks\r") == TypingOutcome(b"tasks\n", b"\b \bsks\r\n")
    assert typing.receive(b"\x1b[A").echo == b"tasks"
    assert typing.receive(b"\x1b[B").echo == b"\b \b" * 5


def test_control_d_ends_the_input_on_an_empty_line_only() -> None:
    typing = LineEditor()
    assert not typing.receive(b"x\x04").ended
    assert typing.receive(b"\x7f\x04").ended


def test_the_length_of_a_line_is_bounded() -> None:
    typing = LineEditor()
    for _ in range(3):
        typing.receive(b"x" * MOST_TYPED)
    assert len(typing.receive(b"\r").lines) == MOST_TYPED + 1


@given(st.lists(st.binary()))
def test_any_input_gives_only_safe_bytes(pieces: list[bytes]) -> None:
    """The echo drives the terminal in no way but ours: erasing, line ends and the bell."""
    typing = LineEditor()
    for piece in pieces:
        typed = typing.receive(piece)
        assert set(typed.echo) <= {*range(0x20, 0x7F), 7, 8, 10, 13}
        assert set(typed.lines) <= {*range(0x20, 0x7F), 10}


@given(
    st.lists(
        st.sampled_from([b"\x1b", b"[", b"O", b"A", b"1", b";", b",", b"x", b"\r", b"\n", b"\x7f"]),
        max_size=30,
    )
)
@example([b"x", b"\x1b", b"[", b",", b"A", b"\r"])
@example([b"\x1b", b"[", b"1", b"\n", b"x", b"\r"])
def test_a_key_is_the_same_however_it_is_cut(keys: list[bytes]) -> None:
    whole, pieces = LineEditor(), LineEditor()
    typed = whole.receive(b"".join(keys)).lines
    assert b"".join(pieces.receive(key).lines for key in keys) == typed
