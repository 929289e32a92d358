"""Large JSON taken apart: the same as when it is parsed whole, or refused."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.http import json_parts
from logsrv.linelog.formats.http.json_parts import (
    element_spans,
    object_parts,
    parse_elements,
    skip_space,
)
from logsrv.linelog.lines.bodies import Records, RequestRefused
from tests.parts.examples import more

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=4)
    | st.sampled_from(["\\", '\\\\"', '"', "],[", '{"', "\\u005c", "x" * 20])
)
JSONISH = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text('ab"\\', max_size=2), inner, max_size=4)
    ),
    max_leaves=10,
)
DUMPED = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@pytest.fixture(params=[1, 7, 64, 1 << 18])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(json_parts, "PIECE", request.param)
    return int(request.param)


def all_values(text: bytes) -> list[Any]:
    found = []
    for spans in element_spans(text, skip_space(text), len(text)):
        if spans:
            assert [parse_elements(text, [span])[0] for span in spans] == parse_elements(
                text, spans
            )
            found += parse_elements(text, spans)
    return found


@pytest.mark.slow
@given(st.lists(JSONISH, max_size=5), DUMPED, st.sampled_from([1, 2, 7, 64]))
def test_elements_as_they_are_parsed(array, how, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "PIECE", size)
        text = json.dumps(array, **how).encode()
        assert all_values(b" " + text + b"\n") == array


@more(2)
@given(st.text('[]{},:"\\1 a', max_size=12), st.sampled_from([1, 3, 64]))
def test_invalid_json_is_refused(text, size):
    body = f"[{text}".encode()
    try:
        expected = json.loads(body, strict=True)
    except ValueError:
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "PIECE", size)
        if expected is None:
            with pytest.raises(RequestRefused):
                all_values(body)
        else:
            assert all_values(body) == expected


def gathered(body: bytes, most: int = 1000) -> tuple[list[Any], Records]:
    """Each element of the inner arrays, with what stands beside it."""
    records, found = Records(), []
    for part in object_parts(body, ("outer", "inner"), most, records):
        if part is not None:
            for one in part["outer"]:
                found += [(part["more"], one["label"], value) for value in one["inner"]]
    return found, records


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.text(max_size=3), st.lists(JSONISH, max_size=4)), max_size=4),
    st.booleans(),
    st.sampled_from([1, 30, 100, 1 << 18]),
)
def test_large_objects_as_smaller_ones(outer, late, size):
    """What stands beside the arrays is in each, before or behind them."""
    shape = []
    for label, inner in outer:
        both = {"label": label, "inner": inner}
        shape.append(dict(reversed(both.items())) if late else both)
    body = json.dumps({"outer": shape, "more": [1]}, indent=1 if late else None).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "PIECE", size)
        found, records = gathered(body)
    assert not records.refused_count
    assert found == [([1], label, value) for label, inner in outer for value in inner]


def test_an_element_far_too_long_is_told_and_the_others_are_given(piece):
    shape = {"label": "x", "inner": ["a", "y" * (5000 + 3 * piece), "b"]}
    found, records = gathered(json.dumps({"more": 1, "outer": [shape]}).encode())
    assert [value for _, _, value in found] == ["a", "b"]
    assert records.reasons == {"oversize": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b'{"outer" 1}',
        b'{"a":1:2}',
        b"{1:2}",
        b'{"a":1,}',
        b'{"a":1}}',
        b'{"a":1]',
        b'{"outer":[1}}',
        b'{"outer":[1] 2}',
        b'{"outer":[',
        b'{"outer":[{"inner":[1,,2]}]}',
    ],
)
def test_a_body_without_an_object_is_refused(body, monkeypatch):
    monkeypatch.setattr(json_parts, "PIECE", 2)
    with pytest.raises(RequestRefused) as refused:
        for _ in object_parts(body, ("outer", "inner"), 100, Records()):
            pass
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "beside", [b'{"a":"%b"}' % (b"x" * (5 << 20)), b'{"a":1%b}' % (b',"a":1' * 200_000)]
)
def test_too_much_beside_the_records(beside):
    with pytest.raises(RequestRefused) as refused:
        list(object_parts(beside, ("outer",), 100, Records()))
    assert refused.value.status == 413


@pytest.mark.slow
def test_a_million_values_take_little_memory():
    """All of them at once would be 64 MB of empty lists."""
    body = b'{"outer":[%b[]]}' % (b"[]," * 1_000_000)
    tracemalloc.start()
    for _ in object_parts(body, ("outer",), 1000, Records()):
        pass
    assert tracemalloc.get_traced_memory()[1] < 48 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("number", [1, 2, 5, 40])
@pytest.mark.parametrize("behind", [False, True])
def test_all_that_stands_beside_the_records_has_one_limit(number, behind):
    """A member alone is below it."""
    for size, is_refused in ((4_100_000, False), (4_300_000, True)):
        beside = {f"more {at}": "x" * (size // number) for at in range(number)} | {"more": 1}
        shape = {"outer": [{"label": "", "inner": [1]}]}
        body = json.dumps(beside | shape if behind else shape | beside).encode()
        if is_refused:
            with pytest.raises(RequestRefused, match="too much beside its records"):
                gathered(body)
        else:
            assert gathered(body)[0] == [(1, "", 1)]
