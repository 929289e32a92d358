"""JSON that is made here, of whatever senders have, and the times in it."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.lines.json_made import (
    DEEPEST,
    HugeNumber,
    json_object_line,
    json_object_lines,
    nanoseconds_as_rfc3339,
    seconds_as_rfc3339,
)

KEYS = st.text() | st.binary() | st.integers()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


def test_the_senders_order_and_ours_behind():
    assert json_object_line({"b": 1, "a": [True, None]}, {"time": "T", "tag": "x"}) == (
        b'{"b":1,"a":[true,null],"time":"T","tag":"x"}'
    )


def test_the_record_keeps_its_own():
    assert (
        json_object_line({"time": 1, "_time": 2}, {"time": "T"})
        == b'{"time":1,"_time":2,"__time":"T"}'
    )


def test_values_that_json_does_not_have():
    record = {
        "big": 2**70,
        "nan": float("nan"),
        "low": float("-inf"),
        b"bytes": b"\xff\xc3\xa9",
        7: "\x7f\u2028\ud800",
    }
    assert json_object_line(record, {}) == (
        '{"big":1180591620717411303424,"nan":"NaN","low":"-Infinity","bytes":"\\\\xffé",'
        r'"7":"\u007f\u2028\\xed\\xa0\\x80"}'.encode()
    )


def test_a_deeply_nested_value_is_cut_at_the_deepest_level():
    value: object = 1
    for _ in range(10_000):
        value = [value]
    assert json_object_line({"a": value}, {}).count(b"[") == DEEPEST + 1
    # A value that orjson does not write takes another way.
    assert json_object_line({"a": value, "b": float("nan")}, {}).count(b"[") == DEEPEST + 1


def test_a_value_of_an_unknown_kind_raises_type_error():
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        json_object_line({"a": object()}, {})


def test_of_a_kind_that_the_caller_knows():
    """With and without what takes the long way."""
    assert json_object_line({"a": [1j]}, {}, str) == b'{"a":["1j"]}'
    assert json_object_line({"a": [1j], "b": None}, {}, str) == b'{"a":["1j"],"b":null}'


@pytest.mark.slow
@given(st.dictionaries(st.text(), VALUES))
def test_the_fast_and_the_careful_way_make_the_same_json(record):
    """What has a null in it is made the long way; without, it is the same."""
    other = "".join(("x", *record))
    with_null = json.loads(json_object_line(record, {other: None}))
    assert with_null.pop(other) is None
    assert json.loads(json_object_line(record, {})) == with_null


@pytest.mark.slow
def test_short_records_take_little_memory_beside_each_other():
    program = (
        "import resource as r; from logsrv.linelog.lines.json_made import json_object_line\n"
        "before = r.getrusage(r.RUSAGE_SELF).ru_maxrss\n"
        "kept = [json_object_line({'n': n}, {'tag': 't'}) for n in range(30_000)]\n"
        "print(r.getrusage(r.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    kib = int(
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE
        ).stdout
    )
    assert kib < 20_000


def test_a_number_that_no_float_holds_keeps_its_digits_as_text():
    record = {"a": 1.5, "b": [HugeNumber("-1E400")]}
    assert json_object_line(record, {}) == b'{"a":1.5,"b":["-1E400"]}'
    assert json_object_lines([record], 1000) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000.5, "2023-11-14T22:13:20.5Z"),
        (1_700_000_000.0, "2023-11-14T22:13:20.0Z"),
        (1_700_000_000.1234567, "2023-11-14T22:13:20.1234567Z"),
        (-0.25, "1969-12-31T23:59:59.75Z"),
        (1e-7, "1970-01-01T00:00:00.0000001Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
        (2**63, None),
        (-(2**63), None),
        (1e300, None),
        (float("nan"), None),
        (float("-inf"), None),
    ],
)
def test_seconds_become_rfc3339_text(seconds, text):
    assert seconds_as_rfc3339(seconds) == text


def test_nanoseconds_become_text_with_nine_digits():
    assert nanoseconds_as_rfc3339(1_700_000_000, 1) == "2023-11-14T22:13:20.000000001Z"
    assert nanoseconds_as_rfc3339(1_700_000_000, 2_000_000_003) == "2023-11-14T22:13:22.000000003Z"
    assert nanoseconds_as_rfc3339(2**62, 0) is None


@given(st.integers(-(10**10), 10**11), st.integers(0, 10**9 - 1))
def test_python_reads_the_text_of_a_time_back(seconds, nanoseconds):
    text = nanoseconds_as_rfc3339(seconds, nanoseconds)
    assert text is not None
    read = datetime.fromisoformat(text)
    after = timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    assert read == datetime(1970, 1, 1, tzinfo=UTC) + after
