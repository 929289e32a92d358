"""JSON that was received becomes a line, and nothing of it is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.clean import escaped
from logsrv.linelog.framing.json_text import elements, one_line

TEXT = st.text() | st.sampled_from(['a "b" \\ c', "\u2028", "\x7f\x85", "[1, 2]", "{}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
WAYS = st.sampled_from(
    [{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (" ,\t", " : ")}]
)


@given(VALUES, WAYS)
def test_a_line_that_says_the_same(value: object, way: dict[str, object]) -> None:
    text = json.dumps(value, **way).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    try:
        text.decode()
    except UnicodeDecodeError:
        return
    line = one_line(text)
    assert json.loads(line) == value
    assert escaped(line) == line and b"\n" not in line


@pytest.mark.parametrize(
    "text",
    [
        b'{"b": 1,  "a": 1.10, "a": 12345678901234567890123}',
        '{"é": "\u202e"}'.encode(),
        b'{"tab":\t1}',
    ],
)
def test_what_is_a_line_stays_as_it_is(text: bytes) -> None:
    assert one_line(text) == text
    assert one_line(b" " + text + b"\r\n") == text


def test_otherwise_it_is_made_compact_and_harmless() -> None:
    assert one_line(b'{"a" : "x  \\" y",\n "n":1.10}') == b'{"a":"x  \\" y","n":1.10}'
    assert one_line('{"a": "\u2028\x7f\u202e"}'.encode()) == '{"a":"\\u2028\\u007f\u202e"}'.encode()


@given(st.lists(VALUES, max_size=5), WAYS)
def test_elements_are_cut_out(values: list[object], way: dict[str, object]) -> None:
    text = json.dumps(values, **way).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    found = elements(text)
    assert [json.loads(one.decode("utf-8", "surrogatepass")) for one in found] == values
    assert all(one in text for one in found)


def test_elements_stay_as_they_are() -> None:
    assert elements(b' [ 1.10 , "a,]\\"" , {"b":[1 ,2]} ,[] ]\n') == [
        b"1.10",
        b'"a,]\\""',
        b'{"b":[1 ,2]}',
        b"[]",
    ]
    assert elements(b"[ ]") == []
