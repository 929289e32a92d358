"""Messages in pipes: whole however they are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.children.frames import FrameReader, frame


@given(st.lists(st.lists(st.binary(max_size=30), max_size=3), max_size=4), st.integers(1, 50))
def test_however_answers_are_cut(answers: list[list[bytes]], size: int) -> None:
    sent = b"".join(b"".join(frame(*parts)) for parts in answers)
    reader = FrameReader()
    received = [
        b"".join(pieces)
        for at in range(0, len(sent), size)
        for pieces in reader.receive(sent[at : at + size])
    ]
    assert received == [b"".join(parts) for parts in answers]


def test_half_an_answer_is_none() -> None:
    reader = FrameReader()
    assert list(reader.receive(b"".join(frame(b"abc", b"def"))[:-1])) == []
    assert list(reader.receive(b"f")) == [[b"abcde", b"f"]]
