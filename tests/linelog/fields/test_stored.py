"""Any text has bytes, those that came if they were no UTF-8."""

from logsrv.linelog.fields.stored import decode_stored, to_stored_bytes


def test_surrogates_become_the_bytes_that_came():
    assert to_stored_bytes("é\udcff") == b"\xc3\xa9\xff"
    assert to_stored_bytes("\ud800")


def test_bytes_that_are_not_utf8_become_surrogates():
    assert decode_stored(b"\xc3\xa9\xff") == "é\udcff"
