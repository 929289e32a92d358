"""Times and sizes with units are compared as amounts, whichever side has the unit."""

import re

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.units import (
    PLAIN,
    SIZES,
    TIMES,
    WAY_OF_LAST,
    parse_amount,
    unit_of_field_name,
)
from tests.parts.stores import line

_NS = 10**9
_DECIMAL = ("kb", "mb", "gb")
_BINARY = ("kib", "mib", "gib")


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("39ms", "s", 39 * 10**6),
        ("1m30s", "s", 90 * _NS),
        ("1h 2m 3.5s", "s", 3723.5 * _NS),
        ("1.5\u00b5s", "s", 1500),
        ("1.5\u03bcs", "s", 1500),
        ("1.1s", "s", 1100 * 10**6),
        ("-.5s", "s", -500 * 10**6),
        ("12.345 ms", "s", 12_345_000),
        ("2d", "s", 2 * 86400 * _NS),
        ("3ns", "s", 3),
        ("3us", "s", 3000),
        ("3m", "s", 180 * _NS),
        ("3h", "s", 3 * 3600 * _NS),
        ("10B", "B", 10),
        ("10kB", "B", 10_000),
        ("10KB", "B", 10_000),
        ("10mb", "B", 10**7),
        ("1.5 GiB", "B", 3 << 29),
        ("4EiB", "B", 4 << 60),
    ],
)
def test_a_text_with_a_unit_is_an_amount(text, unit, number):
    assert parse_amount(text) == (unit, number)


def test_the_last_character_tells_how_a_number_is_written():
    for text in ("1ns", "1us", "1\u00b5s", "1\u03bcs", "1ms", "1s", "1m", "1h", "1d", "1m30s"):
        assert WAY_OF_LAST[text[-1]] == TIMES
    for text in ("1B", "1kB", "1kb", "1KB", "1KiB", "1kib", "1MB", "1GiB", "1TB", "1PB", "1EiB"):
        assert WAY_OF_LAST[text[-1]] == SIZES
    assert {WAY_OF_LAST[one] for one in "0123456789."} == {PLAIN}


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "5", "5x", "5 s ", "5  s", "5Mb", "5M", "3e5s", "1m30", "1m30B", "3B4B", "1ms?"),
        *("--5s", "9" * 21 + "s", "1s" * 40),
    ],
)
def test_other_texts_are_no_amount(text):
    assert parse_amount(text) is None


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("took_ms", ("s", 10**6)),
        ("tookMs", ("s", 10**6)),
        ("sizeS", ("s", _NS)),
        ("elapsedMillis", ("s", 10**6)),
        ("ms", ("s", 10**6)),
        ("http.time_seconds", ("s", _NS)),
        ("sizeMB", ("B", 10**6)),
        ("size_kib", ("B", 1024)),
        ("bytes", ("B", 1)),
        *((f"took_{name}", ("s", 1)) for name in ("ns", "nanos", "nanoseconds")),
        *((f"took_{name}", ("s", 10**3)) for name in ("us", "micros", "microseconds")),
        *((f"took_{name}", ("s", 10**6)) for name in ("msec", "millis", "milliseconds")),
        *((f"took_{name}", ("s", _NS)) for name in ("s", "sec", "secs", "seconds")),
        *((f"took_{name}", ("s", 60 * _NS)) for name in ("min", "minutes")),
        *((f"size_{name}", ("B", 1000**power)) for power, name in enumerate(_DECIMAL, 1)),
        *((f"size_{name}", ("B", 1024**power)) for power, name in enumerate(_BINARY, 1)),
        ("duration", ("", 1)),
        ("items", ("", 1)),
        ("status", ("", 1)),
    ],
)
def test_the_name_of_a_field_tells_its_unit(field, unit):
    assert unit_of_field_name(field) == unit


@pytest.mark.parametrize("logfmt", [False, True])
@pytest.mark.parametrize(
    ("query", "values", "others"),
    [
        ("f>1s", ["1500ms", "1m30s", "2", "1.001", "2 s"], ["39ms", "1s", "0.5", "2GB", "abc"]),
        ("f<=39ms", ["39ms", "38000\u00b5s", "0.039", "-1h"], ["40ms", "39", "1kB"]),
        ("f>1MiB", ["2000000", "2MB", "1.1 MiB"], ["1MB", "1000000", "5h"]),
        ("f>100", ["101", "2m", "0.2kB"], ["39ms", "100", "90s", "90B"]),
        ("f>=0.039", ["39ms", "0.039"], ["38ms"]),
        ("f=1s", ["1s", "1000ms"], ["1", "1S5", "1B"]),
        ("f!=1s", ["2s", "1", "1B"], ["1000ms", "1.0s"]),
        ("f=1", ["1", "1.0"], ["1s", "1B"]),
        ("f_ms>1s", ["1500", "1500ms"], ["39", "1000", "39ms"]),
        ("f_ms>100", ["250", "250ms", "1s"], ["39ms", "39", "1MB"]),
        ("f_kb>1MiB", ["2000", "2MB"], ["1000", "1000kB", "2s"]),
        ("sizeS>1EiB", ["2EiB"], ["1e30", "1EiB", "2s"]),
        ("f>abc", [], ["1", "1s", "abd"]),
    ],
)
def test_comparisons_find_values_with_and_without_units(query, values, others, logfmt):
    matcher = make_matcher(parse(query))
    field = re.split("[<>=!]", query)[0]
    lines = [
        line(f'a=1 {field}="{value}"' if logfmt else f'{{"{field}":"{value}"}}')
        for value in values + others
    ]
    expected = [True] * len(values) + [False] * len(others)
    assert [matcher.matches(one) for one in lines] == expected
    for _ in range(2):
        found = [text for text in lines if matcher.count(text + b"\n")]
        assert found == lines[: len(values)]
        matcher.prepare_for_many()
