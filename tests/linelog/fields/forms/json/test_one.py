"""JSON as strangers send it: large, deep, broken, with numbers of any length."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms.json import one as fields_json
from logsrv.linelog.fields.forms.json.one import flatten_object, look_up_field, parse_json
from logsrv.linelog.fields.json_values import is_inexact, json_to_field_value, parse_json_exactly
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.values import WrittenFloat

_LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text("ab1é", max_size=3)
_KEYS = st.sampled_from(["a", "b", "a.b", "b.a", "c", ""])
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)
)


@pytest.fixture(autouse=True)
def with_orjson(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is one of the first few, which are parsed without it."""
    monkeypatch.setattr(fields_json, "without_orjson", 0)


_TEXTS = st.dictionaries(_KEYS, _VALUES | st.floats()).map(json.dumps) | st.sampled_from(
    [
        '{"a":NaN,"b":-Infinity}',
        '{"a":"\\ud800"}',
        '{"a":"x\ty"}',
        '{"a":1.10,"a":2}',
        '{"a":1e400}',
        '{"a":' * 1010 + "1" + "}" * 1010,
        '{"a":' + "[" * 1010 + "]" * 1010 + "}",
        '{"a":1} ',
        '{"a":1}}',
    ]
)


@given(_TEXTS)
def test_the_first_lines_are_parsed_alike(text):
    """Whether orjson is loaded already makes no difference to anybody."""
    found = []
    for without in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fields_json, "without_orjson", without)
            record = ParsedLine(text.encode("utf-8", "surrogatepass"))
            shown = repr(record.fields)
            found.append((record.kind, shown, record.get("a"), record.get("a.b", as_written=True)))
    assert repr(found[0]) == repr(found[1])


@pytest.mark.parametrize("without", [0, 1])
def test_long_integers_in_objects_in_lists_keep_their_digits(monkeypatch, without):
    monkeypatch.setattr(fields_json, "without_orjson", without)
    record = ParsedLine(b'{"a": [{"id": 18446744073709551617, "x": [1.50]}], "b": 1}')
    assert record.fields["a"] == ['{"id":18446744073709551617,"x":[1.5]}']


@given(st.dictionaries(_KEYS, _VALUES))
def test_looking_up_is_as_flattening(found):
    """The quick way to one field, and the way to all of them."""
    fields = flatten_object(found)
    for name in ("a", "b", "a.b", "a.b.a", "b.a.b", "c.a", "c", "nothing"):
        if "." not in name or _once(found, name):
            assert json_to_field_value(look_up_field(found, name)) == fields.get(name)


def _once(found: dict[str, object], name: str) -> bool:
    """Names that a line has twice by different nesting are tested below."""
    count = 0
    stack: list[tuple[str, object]] = [("", found)]
    while stack:
        prefix, value = stack.pop()
        count += prefix == name + "."
        if isinstance(value, dict):
            stack += [(f"{prefix}{key}.", inner) for key, inner in value.items()]
    return count == 1


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b'{"http":{"status":500,"x":{"y":"z"}}}', {"http.status": 500, "http.x.y": "z"}),
        (b'{"a":null,"b":[],"c":"","d":[null],"e":{}}', {"c": ""}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":1,"a":null}', {}),
        (b'{"a.b":1,"a":{"b":2}}', {"a.b": 2}),
        (b'{"a":{"b":2},"a.b":1}', {"a.b": 1}),
        (b'{"a":[1,"x",{"b": [2, 3]},null,[4]]}', {"a": [1, "x", '{"b":[2,3]}', "[4]"]}),
        (b' {"a":true} ', {"a": True}),
    ],
)
def test_json_objects_become_flat_fields(text, fields):
    found = parse_json(text)
    assert found is not None and flatten_object(found) == fields
    assert {name: json_to_field_value(look_up_field(found, name)) for name in fields} == fields


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1]",
        b'{"a":1',
        b"{a:1}",
        b'{"a":1} x',
        b"x{}",
        b'{"a":tru}',
        b"\xff",
        b"{\xff}",
    ],
)
def test_a_text_that_is_no_json_object_is_none(text):
    assert parse_json(text) is None


def test_integers_beyond_64_bits_are_found_out_and_parsed_exactly():
    text = b'{"a":18446744073709551617,"b":[18446744073709551617]}'
    found, exact = parse_json(text), parse_json_exactly(text)
    assert found and is_inexact(found["a"]) and is_inexact(found["b"])
    assert exact == {"a": 2**64 + 1, "b": [2**64 + 1]}
    assert not is_inexact(1.5) and not is_inexact(True)


def test_numbers_of_thousands_of_digits():
    for digits in (400, 4000, 4400, 100_000):
        exact = parse_json_exactly(b'{"a":' + b"7" * digits + b"}")
        assert exact is not None
        value = exact["a"]
        assert (value.text if isinstance(value, WrittenFloat) else str(value)) == "7" * digits


def test_text_that_others_write_though_it_is_no_json_is_read():
    assert parse_json(b'{"a":NaN,"b":-Infinity,"c":"x\ty"}') == {
        "a": "NaN",
        "b": "-Infinity",
        "c": "x\ty",
    }
    assert parse_json(b'{"a":"\\ud800"}') == {"a": "\ud800"}
    assert parse_json(b'{"a":"\xff"}') == {"a": "\udcff"}


@pytest.mark.parametrize("depth", [500, 900, 10_000, 300_000])
def test_json_of_any_depth_raises_nothing(depth):
    """Too deep is no JSON; nothing ever raises."""
    found = parse_json(b'{"a":' * depth + b"1" + b"}" * depth)
    assert found is None or flatten_object(found) is not None
    listed = parse_json(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    assert listed is None or flatten_object(listed) is not None


@pytest.mark.parametrize("depth", [200, 600, 1000])
def test_nesting_that_the_parser_takes_is_no_trouble_afterwards(depth):
    """A line of a kilobyte, from anybody: what is as deep as orjson goes, Python's stack is not."""
    record = ParsedLine(b'{"level":' + b"[" * depth + b"]" * depth + b',"x":"y"}')
    assert record.level is None and record.get("fields.level") is not None
    assert record.fields["x"] == "y"
    name = ".".join(["a"] * depth)
    assert ParsedLine(b'{"a":' * depth + b"7" + b"}" * depth).get(name) == 7


def test_integers_beyond_64_bits_in_lists_and_their_objects():
    found = parse_json(b'{"a":[1,[2,{"b":[18446744073709551617]}]],"c":[1.5,[2]]}')
    assert found and is_inexact(found["a"]) and not is_inexact(found["c"])


@pytest.mark.parametrize(
    "text", [b'{"a.b":1,"a":{"b":null}}', b'{"a.b":1,"a":{"b":{"c":2}}}', b'{"a":{"b":[]},"a.b":1}']
)
def test_a_name_that_is_there_twice(text):
    found = parse_json(text)
    assert found is not None
    assert json_to_field_value(look_up_field(found, "a.b")) == flatten_object(found).get("a.b")


@pytest.mark.slow
def test_long_names_of_nested_fields_take_no_gigabytes():
    """A long key with many below it: each name would be as long."""
    text = (
        '{"' + "x" * 500_000 + '":{' + ",".join(f'"{number}":1' for number in range(50_000)) + "}}"
    )
    found = parse_json(text.encode())
    assert found is not None and flatten_object(found) == {}
    many = {str(number): number for number in range(1_000_000)}
    found = parse_json(json.dumps(many).encode())
    assert found is not None and look_up_field(found, "999999") == 999_999
    assert len(flatten_object(found)) > 100_000
