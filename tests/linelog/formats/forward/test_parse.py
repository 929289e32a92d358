"""Events of the Forward protocol, in all their forms, and what only looks like one."""

import base64
import gzip
import json
import struct
import tracemalloc
from typing import Any

import attrs
import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.forward import parse as forward
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused, record_bytes_limit
from logsrv.linelog.lines.records import RecordRun
from tests.parts.examples import more
from tests.parts.records import runs_of


def limits(record: int = 100_000, event: int = 1 << 20) -> BodyRules:
    return BodyRules("", "", record, record_bytes_limit(event), event)


LIMITS = limits()
TIME = 1_700_000_000
TEXT = "2023-11-14T22:13:20Z"
NANOSECONDS = msgpack.ExtType(0, struct.pack(">II", TIME, 7))


@attrs.frozen
class Event:
    """An event, taken as a whole."""

    records: list[RecordRun]
    acknowledgement: bytes
    as_text: int = 0


def event_of(value: bytes, rules: BodyRules = LIMITS) -> Event:
    records = Records(rules.max_made)
    answer = forward.add_event(value, rules, records).body
    return Event(runs_of(records), answer, records.as_text)


def event(value: Any, rules: BodyRules = LIMITS) -> Event:
    return event_of(msgpack.packb(value), rules)


def lines(value: Any, rules: BodyRules = LIMITS) -> list[str]:
    return [line.decode() for records in event(value, rules).records for line in records.lines]


def packed(*entries: Any) -> bytes:
    return b"".join(map(msgpack.packb, entries))


LINE = f'{{"b":1,"a":"é","time":"{TEXT}","tag":"t.x"}}'
RECORD = {"b": 1, "a": "é"}


@pytest.mark.parametrize(
    "value",
    [
        ["t.x", TIME, RECORD],
        [b"t.x", TIME, RECORD, {}],
        ["t.x", TIME, RECORD, None],
        ["t.x", [[TIME, RECORD]]],
        ["t.x", [[TIME, RECORD]], {"size": 1}],
        ["t.x", packed([TIME, RECORD])],
        ["t.x", packed([TIME, RECORD]), {"compressed": "text"}],
        ["t.x", gzip.compress(packed([TIME, RECORD])), {"compressed": "gzip"}],
        ["t.x", zstandard.compress(packed([TIME, RECORD])), {b"compressed": b"zstd"}],
    ],
)
def test_every_form_of_an_event_gives_the_same_line(value):
    assert lines(value) == [LINE]


def test_events_of_old_senders_without_a_binary_type_are_read():
    """Their entries and bytes are text, by MessagePack's old rules."""
    value = msgpack.packb(["t.x", packed([TIME, RECORD]), {"chunk": b"c"}], use_bin_type=False)
    found = event_of(value)
    assert found.records[0].lines == [LINE.encode()]
    assert msgpack.unpackb(found.acknowledgement) == {"ack": "c"}


def test_entries_in_several_gzip_members_are_read_in_order():
    parts = [gzip.compress(packed([number, {"n": number}])) for number in range(3)]
    found = lines(["t", b"".join(parts), {"compressed": "gzip"}])
    assert [json.loads(line)["n"] for line in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (TIME, f'"{TEXT}"'),
        (NANOSECONDS, '"2023-11-14T22:13:20.000000007Z"'),
        (TIME + 0.5, '"2023-11-14T22:13:20.5Z"'),
        (msgpack.Timestamp(TIME, 8), '"2023-11-14T22:13:20.000000008Z"'),
        (2**63, "9223372036854775808"),
    ],
)
def test_times_of_every_kind_become_text(time, text):
    assert lines(["t", time, {}]) == [f'{{"time":{text},"tag":"t"}}']
    assert lines(["t", [[time, {}]]]) == [f'{{"time":{text},"tag":"t"}}']
    assert lines(["t", [[[time, {}], {}]]]) == [f'{{"time":{text},"tag":"t"}}']


@pytest.mark.parametrize("size", [0, 1, 4, 7, 9, 16])
def test_an_event_time_of_another_length_is_kept_as_it_came(size):
    """It has four bytes of seconds and four of nanoseconds, and is not guessed at."""
    sent = bytes(range(size))
    found = base64.b64encode(sent).decode()
    assert lines(["t", [[msgpack.ExtType(0, sent), {}]]]) == [f'{{"time":"{found}","tag":"t"}}']


def test_an_event_with_a_nil_time_has_no_time():
    assert lines(["t", None, {"a": 1}]) == ['{"a":1,"tag":"t"}']


def test_metadata_of_fluent_bit_is_a_key_of_the_record():
    assert lines(["t", [[[TIME, {"m": 1}], {"a": 2}]]]) == [
        f'{{"a":2,"time":"{TEXT}","tag":"t","metadata":{{"m":1}}}}'
    ]


def test_the_record_keeps_its_own_keys():
    assert lines(["t", TIME, {"time": 1, "tag": "x", "_tag": 3}]) == [
        f'{{"time":1,"tag":"x","_tag":3,"_time":"{TEXT}","__tag":"t"}}'
    ]


def test_values_that_json_does_not_have():
    record = {
        "big": 2**64 - 1,
        "bytes": b"\xffa",
        "when": NANOSECONDS,
        "then": msgpack.Timestamp(TIME, 1),
        "other": msgpack.ExtType(9, b"\0\1"),
        "nan": float("nan"),
        "null": None,
        "text": "a\nb\x7f\u2028",
        1: 2,
    }
    found = json.loads(lines(["t", TIME, record])[0])
    assert found == {
        "big": 2**64 - 1,
        "bytes": "\\xffa",
        "when": "2023-11-14T22:13:20.000000007Z",
        "then": "2023-11-14T22:13:20.000000001Z",
        "other": "AAE=",
        "nan": "NaN",
        "null": None,
        "text": "a\nb\x7f\u2028",
        "1": 2,
        "time": TEXT,
        "tag": "t",
    }


def test_keys_that_are_lists_and_maps():
    value = b"\x93\xa1t\x01\x82\x91\x01\xa1a\x81\x02\x03\xa1b"
    (line,) = event_of(value).records[0].lines
    assert json.loads(line) == {
        "[1]": "a",
        '{"2":3}': "b",
        "time": "1970-01-01T00:00:01Z",
        "tag": "t",
    }


def test_text_that_is_no_utf_8():
    value = b"\x93\xa1t\x01\x81\xa1a\xa2\xff\x41"
    assert event_of(value).records[0].lines[0].startswith(b'{"a":"\\\\xffA"')


FIELDS = st.dictionaries(
    st.sampled_from(["a", "time", "_time", "tag", "n\x7f"])
    | st.text(max_size=2)
    | st.integers(0, 3),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.text(max_size=5)
        | st.binary(max_size=3)
        | st.sampled_from([NANOSECONDS, msgpack.Timestamp(TIME, 1), "\u2028", "null"]),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        ),
        max_leaves=4,
    ),
    max_size=4,
)
TIMES = st.sampled_from([TIME, TIME + 1, NANOSECONDS, TIME + 0.5, None, 2**63, "text", [TIME, {}]])


def read(line: str) -> Any:
    """Return what is in a line, in its order; exponents of numbers may be written in two ways."""
    return json.loads(line, object_pairs_hook=list) if line.startswith("{") else line


ENTRIES = st.lists(
    st.tuples(TIMES | st.tuples(TIMES, FIELDS), FIELDS | st.sampled_from(["", "text"]))
)


@pytest.mark.slow
@more(2)
@given(ENTRIES, st.integers(1, 3))
def test_entries_together_are_those_one_by_one(entries, times):
    """Many entries become what each of them becomes in an event of its own."""
    found = []
    for entry in entries * times:
        # With what takes care beside it nothing is made together.
        found += lines(["t", [entry, [None, "text"]]])[:-1]
    for value in (["t", entries * times], ["t", packed(*entries * times)]):
        assert list(map(read, lines(value))) == list(map(read, found))


def test_text_in_place_of_a_map():
    found = event(
        ["t", [[1, {"a": 1}], [2, "some\ntext\n"], [3, b"more"], [4, {}]], {"chunk": "c"}]
    )
    assert [(one.structured, len(one.lines)) for one in found.records] == [
        (True, 1),
        (False, 2),
        (True, 1),
    ]
    assert found.records[1].lines == [b"some\ntext", b"more"]
    assert found.as_text == 2
    assert found.acknowledgement


NO_TIME_OF_ANY_SIZE = b"\xc7\x01\xff\x00\x80"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (b"\x92\x01\x91\x02", b"[1,[2]]"),
        (b"\x92\x01\xc0", b"[1,null]"),
        (b"\x01", b"1"),
        (b"\x93\x01\x80\x03", b"[1,{},3]"),
        (b"\x81\x01\x02", b'{"1":2}'),
        (b"\x92" + NO_TIME_OF_ANY_SIZE, NO_TIME_OF_ANY_SIZE),
    ],
)
def test_a_bad_entry_costs_nobody_else_anything(entry, text):
    """It is kept as text, between the good ones, and the chunk is acknowledged."""
    good = msgpack.packb([TIME, RECORD])
    array = b"\x93\xa1t\x93" + good + entry + good
    whole = b"\x93\xa1t\xc4" + bytes([2 * len(good) + len(entry)]) + good + entry + good
    for value in (array, whole):
        found = event_of(value + b"\x81\xa5chunk\xa1c")
        texts = [run.lines for run in found.records if not run.structured]
        assert texts == [[text]] and found.as_text == 1
        assert sum(len(run.lines) for run in found.records) == 3
        assert found.acknowledgement


@pytest.mark.parametrize(
    ("time", "text"), [({}, "{}"), (True, "true"), ([1], "[1]"), ([1, 2], "[1,2]")]
)
def test_a_value_that_is_no_time_is_kept(time, text):
    assert lines(["t", [[time, {"a": 1}]]]) == [f'{{"a":1,"time":{text},"tag":"t"}}']


@pytest.mark.parametrize("end", [b"\x92\x01", b"\xc1 and more", b"\x92\xc1"])
def test_a_chunk_that_is_cut_off(end):
    """The whole entries of it are stored, what is left is text, and nobody sends it again for ever."""
    found = event(["t", packed([TIME, RECORD], [TIME, RECORD]) + end, {"chunk": "c"}])
    assert [run.lines for run in found.records if not run.structured] == [[end]]
    assert found.as_text == 1 and found.acknowledgement
    assert sum(len(run.lines) for run in found.records) == 3


@pytest.mark.parametrize(
    ("options", "acknowledgement"),
    [
        ({"chunk": "abc=="}, {"ack": "abc=="}),
        ({"chunk": b"\xff"}, {"ack": b"\xff"}),
        ({"chunk": 5}, None),
        ({}, None),
    ],
)
def test_a_chunk_option_asks_for_an_acknowledgement(options, acknowledgement):
    for value in (["t", 1, {}], ["t", []], ["t", b""]):
        found = event([*value, options]).acknowledgement
        assert (msgpack.unpackb(found) if found else None) == acknowledgement


def test_a_nil_value_has_no_records():
    assert event(None) == Event([], b"")


@pytest.mark.parametrize(
    ("value", "reason", "sentence"),
    [
        (5, "protocol", "no event"),
        ({"a": 1}, "protocol", "no event"),
        ([], "protocol", "no event"),
        (["t"], "protocol", "no event"),
        (["t", 1], "protocol", "too few"),
        (["t", [], {}, {}], "protocol", "too many"),
        (["t", 1, {}, {}, {}], "protocol", "no event"),
        ([1, 1, {}], "protocol", "no tag"),
        (["t" * 5000, 1, {}], "protocol", "no tag"),
        (["t", b"\xc1" * 100_001], "protocol", "damaged"),
        (["t", [], 5], "protocol", "no map"),
        (["t", [], {"chunk": "x" * 70_000}], "protocol", "options"),
        (["t", b"text", {"compressed": "gzip"}], "unpacking", "neither gzip"),
        (["t", b"text", {"compressed": "zstd"}], "unpacking", "Zstandard"),
        (["t", b"text", {"compressed": "lzma"}], "unpacking", "unknown"),
        (["t", b"", {"fluent_signal": 1}], "no_logs", "only logs"),
    ],
)
def test_a_value_that_is_no_event_is_refused(value, reason, sentence):
    with pytest.raises(RequestRefused, match=sentence) as raised:
        event(value)
    assert raised.value.reason == reason


def test_an_entry_longer_than_a_record_is_stored_as_text_and_acknowledged():
    """It is kept as text, and its chunk acknowledged: else it would come again for ever."""
    entries = [[1, {"a": 1}], [2, {"a": "x" * 1000}]]
    found = event(["t", entries, {"chunk": "c"}], limits(record=500))
    assert [one.structured for one in found.records] == [True, False]
    assert found.as_text == 1 and found.acknowledgement == msgpack.packb({"ack": "c"})


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_a_compressed_bomb_is_refused_before_any_record_is_made(way):
    """Refused before anything is made of it."""
    bomb = msgpack.packb([0, {}]) * 4000_000
    packed = gzip.compress(bomb) if way == "gzip" else zstandard.compress(bomb)
    value = ["t", packed, {"compressed": way}]
    tracemalloc.start()
    with pytest.raises(RequestRefused, match="more than 1048576 bytes"):
        event(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9 << 20


def test_many_small_records_with_a_long_tag():
    """Each line has the tag: a megabyte would become gigabytes."""
    with pytest.raises(RequestRefused, match="becomes records of more than"):
        event(["t" * 4000, packed([0, {}]) * 100_000])


def test_a_record_of_nothing_but_empty_maps():
    """Never made: it is text."""
    value = ["t", 1, {"a": [{}] * 100_000}]
    (found,) = event([*value, {"chunk": "c"}], limits(record=1000)).records
    assert not found.structured and len(found.lines[0]) < 100_020


def test_long_and_short_entries_keep_their_order():
    sizes = [1, 100_000, 10, 70_000, 200_000, 5, 300_000]
    rules = limits(record=150_000, event=4 << 20)
    entries = [[TIME, {"a": "x" * size}] for size in sizes]
    for value in (["t", entries], ["t", packed(*entries)], ["t", packed(*entries), {}]):
        found = event(value, rules).records
        assert [len(json.loads(line)["a"]) for run in found for line in run.lines] == sizes
        assert [len(run.lines) for run in found if not run.structured] == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1, 2])
def test_arrays_of_millions_of_nothing(at):
    """Refused, or text, without an object for each."""
    many = b"\xdd" + (3_000_000).to_bytes(4, "big") + b"\xc0" * 3_000_000
    value = (many, b"\x92\xa1t" + many, b"\x92\xa1t\x91" + many)[at]
    tracemalloc.start()
    if at < 2:
        with pytest.raises(RequestRefused):
            event_of(value, limits(event=4 << 20))
    else:
        (found,) = event_of(value, limits(event=4 << 20)).records
        assert not found.structured
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
