"""Pickled LogRecords of Python, cut out of connections and made JSON: filled in as Python does."""

import json
import logging
import logging.handlers
import pickle
import struct
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.python.parse import PickleFramer, fill_in_arguments, pickled_record_line
from logsrv.linelog.formats.python.plain_pickle import NotPlainError
from tests.parts.costs import allocated

MOST = 100_000


def sent(message: Any, *args: Any, extra: dict[str, Any] | None = None, **other: Any) -> bytes:
    """What SocketHandler sends, without the length."""
    record = logging.getLogger("app.web").makeRecord(
        "app.web", logging.WARNING, "/x.py", 7, message, args, other.get("exc_info"), "f", extra
    )
    return logging.handlers.SocketHandler("", 0).makePickle(record)[4:]


def read(data: bytes) -> dict[str, Any]:
    found = json.loads(pickled_record_line(data, MOST))
    assert isinstance(found, dict)
    return found


def test_a_log_record_becomes_json_with_its_extras():
    found = read(sent("%s of %d", "é\n", 3, extra={"user": "ann", "n": 2**70, "nothing": None}))
    assert found.pop("time").startswith("20")
    assert isinstance(found.pop("process"), int) and isinstance(found.pop("thread"), int)
    assert list(found.items()) == [
        ("level", "WARNING"),
        ("logger", "app.web"),
        ("message", "é\n of 3"),
        ("pathname", "/x.py"),
        ("lineno", 7),
        ("funcName", "f"),
        ("user", "ann"),
        ("n", 2**70),
    ]


def test_a_traceback_is_the_last_key_of_a_record():
    try:
        raise ValueError("bad")
    except ValueError:
        found = read(sent("x", exc_info=sys.exc_info()))
    assert list(found)[-1] == "exception"
    assert found["exception"].startswith("Traceback") and "ValueError: bad" in found["exception"]


def test_extras_with_names_of_ours_keep_them():
    found = read(sent("x", extra={"level": "mine", "time": 5, "_time": 6, "raw": b"\xff"}))
    assert (found["level"], found["_level"], found["time"], found["_time"]) == (
        "mine",
        "WARNING",
        5,
        6,
    )
    assert found["__time"].startswith("20") and found["raw"] == "\\xff"


def pickled(**record: Any) -> bytes:
    return pickle.dumps(record, 1)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"msg": "%s %s", "args": ("a", [1, "b"])}, {"message": "a [1, 'b']"}),
        ({"msg": "%(a)05.1f", "args": ({"a": 1.25},)}, {"message": "001.2"}),
        ({"msg": "%(a)s", "args": {"a": 1}}, {"message": "1"}),
        ({"msg": "100%", "args": ()}, {"message": "100%"}),
        ({"msg": "100%", "args": None}, {"message": "100%"}),
        ({"msg": "100%", "args": (1,)}, {"message": "100%", "args": [1]}),
        ({"msg": "%d", "args": ("a",)}, {"message": "%d", "args": ["a"]}),
        ({"msg": "%s", "args": (1, 2)}, {"message": "%s", "args": [1, 2]}),
        ({"msg": "%s %s", "args": (1,)}, {"message": "%s %s", "args": [1]}),
        ({"msg": "%(b)s", "args": {"a": 1}}, {"message": "%(b)s", "args": {"a": 1}}),
        ({"msg": "%*d", "args": (9, 1)}, {"message": "%*d", "args": [9, 1]}),
        ({"msg": "%99999d", "args": (1,)}, {"message": "%99999d", "args": [1]}),
        ({"msg": {"a": 1}, "args": None}, {"message": {"a": 1}}),
        ({"msg": None, "message": "m"}, {"message": "m"}),
        ({"msg": "m", "created": 1.5}, {"time": "1970-01-01T00:00:01.5Z", "message": "m"}),
        ({"msg": "m", "created": 1e300}, {"time": 1e300, "message": "m"}),
    ],
)
def test_messages_get_their_arguments(record, expected):
    assert read(pickled(**record)) == expected


@given(
    st.lists(st.sampled_from(["%s", "%r", "%5d", "%-8.3f", "%x", "%%", "text ", "%(a)s", "%i"])),
    st.lists(st.integers() | st.floats() | st.text(), max_size=4).map(tuple),
)
def test_messages_are_filled_in_as_python_does(parts, args):
    message = "".join(parts)
    try:
        expected = message % args
    except (ValueError, TypeError, OverflowError):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            fill_in_arguments(message, args, MOST)
    else:
        assert fill_in_arguments(message, args, MOST) == expected


def test_messages_that_would_grow_huge_stay_unfilled():
    for message in ("%(" * 40_000, "%" + "0" * 80_000, "%(a)s" * 10_000):
        assert read(pickled(msg=message, args={"a": "x" * 1000}))["message"] == message


def test_a_message_may_grow_to_four_times_the_longest_record():
    """A record that is longer than a line is split or cut further on; one far longer is not made."""
    for length, filled in ((3 * MOST, True), (5 * MOST, False)):
        count = length // 1000
        message = "%(a)s" * count
        text = "x" * 1000
        made = read(pickled(msg=message, args={"a": text}))["message"]
        assert made == (text * count if filled else message)


def test_a_long_name_is_none():
    """Each `%(` would else be the beginning of one up to the end of the message."""
    key = "k" * 99
    assert fill_in_arguments(f"%({key})s", {key: 1}, MOST) == "1"
    with pytest.raises(TypeError, match="do not fit"):
        fill_in_arguments(f"%({key}k)s", {key + "k": 1}, MOST)


@pytest.mark.parametrize("value", [5, ["msg"], None, {1: 2}])
def test_a_pickle_that_is_no_log_record_is_refused(value):
    with pytest.raises(NotPlainError, match="no LogRecord"):
        pickled_record_line(pickle.dumps(value, 1), MOST)


def test_a_value_named_again_and_again_is_made_text_once():
    arguments = {"a": ["x"] * 20_000}
    # Each text of it has 100 kB.
    assert (
        allocated(lambda: fill_in_arguments("%(a).0s%(a).1r%(a).0a" * 200, arguments, MOST))
        < 4 << 20
    )
    assert fill_in_arguments("%(a).0s%(a).1r%(a).0a" * 200, arguments, MOST) == "[" * 200


def test_bytes_that_python_shows_as_halves_of_surrogate_pairs():
    """A file name of Latin-1, say: readers of JSON refuse the escape that Python would write."""
    (line,) = [
        pickled_record_line(sent("caf\udce9 %s", "\ud800", extra={"na\udcffme": "\udce9"}), MOST)
    ]
    found = orjson.loads(line)
    assert found["message"] == r"caf\xe9 \xed\xa0\x80" and found[r"na\xffme"] == r"\xe9"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, {}),
        ({"module": "m", "levelno": 20}, {"module": "m", "levelno": 20}),
        ({"Msg": "m", "msecs": 1}, {"Msg": "m", "msecs": 1}),
        ({"msg": "m", "levelno": 40}, {"message": "m", "levelno": 40}),
        ({"message": "m", "filename": "f"}, {"message": "m", "filename": "f"}),
        ({"levelname": "INFO", "asctime": "now"}, {"level": "INFO", "asctime": "now"}),
        ({"name": "n", "processName": "p"}, {"logger": "n", "processName": "p"}),
        (
            {"msg": "m", "taskName": None, "relativeCreated": 1},
            {"message": "m", "relativeCreated": 1},
        ),
    ],
)
def test_a_dict_that_is_no_log_record_keeps_all_of_its_keys(value, expected):
    assert orjson.loads(pickled_record_line(pickle.dumps(value), 1000)) == expected


def framed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@given(st.lists(st.binary(max_size=20), max_size=10), st.integers(1, 30))
def test_pickles_after_one_that_is_too_long_are_found(pickles, size):
    """However they are cut; and of that one nothing is kept."""
    framer = PickleFramer(10, 100)
    data = b"".join(map(framed, pickles))
    found = []
    for at in range(0, len(data), size):
        found += framer.receive(data[at : at + size])
        assert framer.unfinished_bytes <= 14
    assert found == [one for one in pickles if len(one) <= 10]
    assert framer.passed_over == len(pickles) - len(found)
    assert framer.unfinished_bytes == 0 and not framer.fault


def test_an_impossible_length_stops_the_framer():
    framer = PickleFramer(10, 100)
    assert framer.receive(framed(b"one") + b"GET / HTTP/1.1\r\n") == [b"one"]
    assert framer.fault == "a frame of 1195725856 bytes is longer than 100 bytes"
    assert framer.receive(framed(b"two")) == []
