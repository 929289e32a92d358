"""What stands in place of an erased line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.erased_line import (
    differs_only_by_erasing,
    erased_line,
    erased_text,
    is_erased,
)
from logsrv.linelog.fields.parsed_line import ParsedLine

LINE = b"2026-11-20T06:18:42.123456Z tcp:127.0.0.1:51234 GET /users/ann"
ERASED = b"2026-11-20T06:18:42.123456Z erased------------- (erased)      "
lines = st.binary(max_size=80).map(lambda one: one.replace(b"\n", b""))


def test_the_time_stays_and_filler_stands_for_source_and_message():
    assert erased_line(LINE) == ERASED
    assert not is_erased(LINE) and is_erased(ERASED)
    fields = ParsedLine(ERASED, "1:0")
    assert fields.get("time") == "2026-11-20T06:18:42.123456Z"
    assert fields.level is None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (LINE[:48] + b"short", ERASED[:48] + b"-----"),
        (LINE[:48], ERASED[:48]),
        (LINE[:28] + b"x: hi", LINE[:28] + b"-- --"),
        (b"no stamp at all", b"(erased)       "),
        (b"", b""),
    ],
)
def test_a_line_of_any_length_keeps_its_length(line, wanted):
    assert erased_line(line) == wanted


@given(lines, st.booleans())
def test_filler_has_the_length_of_the_line_and_stays_when_it_is_erased_again(line, stamped):
    line = LINE[:48] + line if stamped else line
    found = erased_line(line)
    assert len(found) == len(line) and b"\n" not in found
    assert erased_line(found) == found and (is_erased(found) or not found)


@given(lines, st.integers(0, 200))
def test_a_line_of_which_a_part_was_written_becomes_the_same(message, written):
    line = LINE[:48] + message
    found = erased_line(line)
    assert erased_line(found[:written] + line[written:]) == found


def test_a_text_is_erased_line_by_line():
    assert erased_text(LINE + b"\n" + LINE + b"\n") == ERASED + b"\n" + ERASED + b"\n"
    assert erased_text(LINE) == ERASED


def test_a_text_with_some_lines_erased_is_known():
    text = LINE + b"\n" + LINE + b"\n"
    assert differs_only_by_erasing(text, LINE + b"\n" + ERASED + b"\n")
    assert not differs_only_by_erasing(LINE + b"\n" + ERASED + b"\n", text)
    assert not differs_only_by_erasing(text, text + LINE)
    assert not differs_only_by_erasing(text, text.replace(b"GET", b"PUT"))
