"""Levels as numbers are those of the Records of the same lines."""

from __future__ import annotations

from logsrv.linelog.fields.levels.numbers import OF_NUMBERS, numbers_of

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


def test_a_number_for_each_line() -> None:
    found = numbers_of(STAMP + b"x\n" + STAMP + b"<11>x\n" + STAMP + b"DEBUG x\n")
    assert found.tolist() == [0, 5, 1]
    assert [OF_NUMBERS[number] for number in found] == [None, "error", "debug"]


def test_no_lines() -> None:
    assert numbers_of(b"").tolist() == []
