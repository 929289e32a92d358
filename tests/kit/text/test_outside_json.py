"""JSON of other machines."""

import json
import random
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text import outside_json
from logsrv.kit.text.outside_json import parse_json
from tests.parts.strangers import at_most
from tests.parts.waits import join

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=50,
)


def number_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(number_of, value.values()))
    return 1 + sum(map(number_of, value)) if isinstance(value, list) else 1


@given(values)
def test_json_with_the_most_values_is_read(value):
    data = json.dumps(value).encode()
    # An empty list counts as two: nobody knows yet that it has nothing in it.
    assert parse_json(data, 2 * number_of(value)) == value


@given(values)
def test_json_with_more_values_is_refused(value):
    number = number_of(value)
    with pytest.raises(ValueError, match="values"):
        parse_json(json.dumps([value, 0]).encode(), number - 1)


def test_commas_and_brackets_in_strings_are_no_values():
    text = random.Random(1).choices(',[{"\\', k=10_000)
    value = {"message": "".join(text), "level": "info"}
    assert parse_json(json.dumps(value).encode(), 4) == value


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_strings_are_told_from_values_wherever_a_piece_ends(monkeypatch, size):
    monkeypatch.setattr(outside_json, "PIECE", size)
    value = {"a,b": ["[,", "", "{", 1], "c": ",,,"}
    data = json.dumps(value, separators=(",", ":")).encode()
    assert parse_json(data, 7) == value
    with pytest.raises(ValueError, match="more than 6 values"):
        parse_json(data, 6)


def test_many_short_strings_take_little_memory():
    data = b'""' * 1_000_000 + b"," * 500_001
    with at_most(16 << 20), pytest.raises(ValueError, match="values"):
        parse_json(data, 500_000)


@pytest.mark.parametrize(
    "number", [b"2.2250738585072011360574097967091319759348195463516456e-308", b"7" * 4000]
)
def test_other_threads_go_on_between_numbers_that_take_long(number):
    data = b"[%b]" % b",".join([number] * (3_000_000 // len(number)))
    turns, before, ended = [0], sys.getswitchinterval(), threading.Event()

    def take_turns() -> None:
        while not ended.is_set():
            turns[0] += 1
            time.sleep(0)

    other = threading.Thread(target=take_turns)
    sys.setswitchinterval(0.0001)
    try:
        other.start()
        parse_json(data)
        met = turns[0]
    finally:
        ended.set()
        join(other)
        sys.setswitchinterval(before)
    assert met > 50


def test_a_number_with_too_many_digits_is_said_in_plain_words():
    with pytest.raises(ValueError, match=r"^a number in it has too many digits$"):
        parse_json(b"1" * 10_000)


@pytest.mark.parametrize("data", [b'"' * 10_000 + b",,", b'"\\"' * 5000 + b",,", b"[" * 10_000])
def test_invalid_json_costs_little(data):
    with pytest.raises(ValueError):
        parse_json(data, 1)
