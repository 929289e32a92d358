"""Lines of a text by their offsets."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.matching.line_spans import (
    all_line_spans,
    line_spans_at,
    number_of_lines,
    other_line_spans,
)

STAMP = b"2026-11-20T06:18:42.123456Z web "
TEXTS = st.lists(st.sampled_from([b"\n", b"a", b"bc"])).map(b"".join)


def of(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n") if text else []


@given(TEXTS)
def test_every_line_of_a_text_is_found(text):
    assert [text[start:end] for start, end in all_line_spans(text)] == of(text)
    assert number_of_lines(text) == len(of(text))


@given(TEXTS)
def test_lines_with_a_hit_and_the_others_are_all_lines(text):
    hits = [at for at, byte in enumerate(text) if byte in b"a"]
    assert [text[start:end] for start, end in line_spans_at(text, hits)] == [
        line for line in of(text) if b"a" in line
    ]
    assert [
        text[start:end] for start, end in other_line_spans(text, line_spans_at(text, hits))
    ] == [line for line in of(text) if b"a" not in line]


def test_a_hit_in_the_stamp_is_not_said():
    text = (STAMP + b"x y\n") * 2 + STAMP + b"web\nweb"
    hits = [at for at in range(len(text)) if text.startswith(b"web", at)]
    assert [text[start:end] for start, end in line_spans_at(text, hits, in_message=True)] == [
        STAMP + b"web",
        b"web",
    ]
    assert len(list(line_spans_at(text, hits))) == 4
