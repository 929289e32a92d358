"""Any text has bytes, those that came if they were no UTF-8."""

from __future__ import annotations

from logsrv.linelog.fields.stored import bytes_of, decoded


def test_any_text_becomes_bytes() -> None:
    assert bytes_of("é\udcff") == b"\xc3\xa9\xff"
    assert bytes_of("\ud800")


def test_any_bytes_become_text() -> None:
    assert decoded(b"\xc3\xa9\xff") == "é\udcff"
