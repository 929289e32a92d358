"""JSON that was received becomes a line, and nothing of it is lost."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.lines.json_text import (
    count_storable_objects,
    escape_unsafe_json,
    json_on_one_line,
    lines_storable_unchanged,
    utf8_with_escapes,
)

TEXT = st.text() | st.sampled_from(['a "b" \\ c', "\u2028", "\x7f\x85", "[1, 2]", "{}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
WAYS = st.sampled_from(
    [{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (" ,\t", " : ")}]
)


@pytest.mark.parametrize(
    "text",
    [
        b'{"b": 1,  "a": 1.10, "a": 12345678901234567890123}',
        '{"é": "\u202e"}'.encode(),
        b'{"tab":\t1}',
    ],
)
def test_json_on_one_line_stays_unchanged(text):
    assert json_on_one_line(text) == text
    assert json_on_one_line(b" " + text + b"\r\n") == text


def test_other_json_is_made_compact_and_harmless():
    assert json_on_one_line(b'{"a" : "x  \\" y",\n "n":1.10}') == b'{"a":"x  \\" y","n":1.10}'
    assert (
        json_on_one_line('{"a": "\u2028\x7f\u202e"}'.encode())
        == '{"a":"\\u2028\\u007f\u202e"}'.encode()
    )


@given(VALUES, st.sampled_from([" ", "\t", "\r\n"]))
def test_no_space_is_left_between_tokens_and_all_within_strings(value, indent):
    compact = json.dumps(value, separators=(",", ":")).encode()
    assert (
        json_on_one_line(b"\n" + json.dumps([value], indent=indent).encode())
        == b"[" + compact + b"]"
    )


@pytest.mark.slow
@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=3), min_size=1, max_size=5), WAYS)
def test_objects_that_stay_need_nothing(values, way):
    texts = [json.dumps(value, **way).encode("utf-8", "surrogatepass") for value in values]  # type: ignore[arg-type]
    number = count_storable_objects(b"\n".join(texts), 1000)
    if number:
        assert number == len(texts) and [json_on_one_line(text) for text in texts] == texts
    elif max(map(len, texts)) < 1000:
        assert [json_on_one_line(text) for text in texts] != texts or rb"\ud" in b"".join(texts)


@pytest.mark.parametrize(
    "lines",
    [b"", b"{}\n", b"[]", b"{}\n1", b"{}\n\n{}", b"{} {}", b'{"a":"\x7f"}', b'{"a":"12345678"}'],
)
def test_lines_that_need_a_change_are_not_stored_as_they_stand(lines):
    assert not count_storable_objects(lines, 15)


def test_short_plain_lines_can_stay():
    assert lines_storable_unchanged(b"1\n[2]\n\xc3\xa9", 3, 3)
    assert not lines_storable_unchanged(b"1\n[2]", 1, 3) and not lines_storable_unchanged(
        b"1\n[23]", 2, 3
    )


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (rb'{"a":"\udce9t\uDCE9"}', rb'{"a":"\\xe9t\\xe9"}'),
        (rb'{"\ud800":"\ud83d\ude00"}', rb'{"\\xed\\xa0\\x80":"\ud83d\ude00"}'),
        (
            rb'{"a":"\ud83d\ud83d\ude00 \ude00"}',
            rb'{"a":"\\xed\\xa0\\xbd\ud83d\ude00 \\xed\\xb8\\x80"}',
        ),
        (rb'{"a":"C:\\udce9 \\\udce9"}', rb'{"a":"C:\\udce9 \\\\xe9"}'),
    ],
)
def test_halves_of_surrogate_pairs_become_text(text, stored):
    """Many readers of JSON refuse their escapes."""
    assert json_on_one_line(text) == stored
    assert orjson.loads(stored)


@given(st.text(st.sampled_from('\udf00\udce9\U0001f600\\"ux\n'), max_size=12))
def test_any_mixture_of_halves_is_read_as_others_show_it(text):
    shown = orjson.loads(json_on_one_line(json.dumps(text).encode()))
    assert (
        shown.encode()
        == utf8_with_escapes(text)
        == orjson.loads(escape_unsafe_json(json_of(text))).encode()
    )


def json_of(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
