"""Any text has bytes, those that came if they were no UTF-8."""

from __future__ import annotations

from logsrv.linelog.fields.stored import bytes_of, decoded


def test_surrogates_become_the_bytes_that_came() -> None:
    assert bytes_of("é\udcff") == b"\xc3\xa9\xff"
    assert bytes_of("\ud800")


def test_bytes_that_are_not_utf8_become_surrogates() -> None:
    assert decoded(b"\xc3\xa9\xff") == "é\udcff"
