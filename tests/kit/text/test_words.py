"""What people are told about a word they mistyped."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from logsrv.kit.text.words import (
    did_you_mean,
    error_text,
    fault_text,
    host_text,
    listed,
    shown,
    size_text,
)


def test_suggestions_ignore_case_and_stay_silent_when_nothing_is_near():
    assert did_you_mean("Intervall", ["interval", "never"]) == " (did you mean interval?)"
    assert did_you_mean("zzz", ["interval", "never"]) == ""
    assert listed(["a", "b", "c"]) == "a, b or c"
    assert listed(["a"]) == "a"


def test_a_value_with_spaces_is_quoted_in_an_error():
    assert shown("a b") == '"a b"'
    assert shown("") == '""'
    assert shown("\x1b[31m") == "\\x1b[31m"


def test_an_error_is_one_line_whoever_has_worded_it():
    assert error_text(ValueError("no\x1b[2J\nsuch")) == r"ValueError: no\x1b[2J\x0asuch"
    assert error_text(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(error_text(ValueError("x" * 10_000))) < 400


def test_an_ipv6_address_is_written_in_brackets():
    assert (host_text("::1", 5), host_text("127.0.0.1", 5)) == ("[::1]:5", "127.0.0.1:5")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**41, "2048.0 GiB")],
)
def test_sizes_have_binary_units(size, text):
    assert size_text(size) == text


_PAIRS: Any = [(1,)]
_NOTHING: Any = {}


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (lambda: b"\xff".decode(), "it is not UTF-8"),
        (lambda: json.loads(b"\xff\0\x1b[31m"), "it is not UTF-8"),
        (lambda: b"\xff".decode("ascii"), "it is not ASCII"),
        (lambda: json.loads("{\n1"), "it is no JSON, seen at line 2, column 1"),
        (lambda: int("x"), "it makes no sense"),
        (lambda: float("x"), "it makes no sense"),
        (lambda: dict(_PAIRS), "it makes no sense"),
        (lambda: [one + two for one, two in _PAIRS], "it makes no sense"),
        (lambda: _NOTHING["saved"], "saved is missing in it"),
        (lambda: _raised(TypeError("'NoneType' object is not subscriptable")), "it makes no sense"),
        (lambda: Path("/nowhere/at/all").stat(), "No such file or directory"),
        (lambda: zstandard.decompress(b"x"), "it cannot be decompressed"),
        (lambda: _raised(ValueError("it is of another store")), "it is of another store"),
    ],
)
def test_faults_of_data_are_told_without_pythons_words(read, says):
    with pytest.raises(Exception) as caught:
        read()
    assert fault_text(caught.value) == says


def _raised(error: Exception) -> None:
    raise error
