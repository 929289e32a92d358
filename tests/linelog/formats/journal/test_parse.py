"""Uploads and datagrams of systemd's journal."""

from codecs import BOM_UTF8

import pytest

from logsrv.linelog.formats.journal.parse import add_datagram, add_journal_entries
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused
from tests.parts.records import lines_of


def records_of_datagram(datagram: bytes, most: int) -> Records:
    records = Records()
    add_datagram(datagram, most, records)
    return records


def test_a_datagram_is_one_entry():
    for datagram in (b"A=1\nB=2", b"A=1\nB=2\n", b"A=1\nB=2\n\n"):
        assert lines_of(records_of_datagram(datagram, 100)) == [b'{"A":"1","B":"2"}']
    assert not len(records_of_datagram(b"", 100))
    with pytest.raises(RequestRefused):
        records_of_datagram(b"A=1\n\nB=2\n", 100)


@pytest.mark.parametrize("upload", [b"", b"\n", b"\n\n\n", BOM_UTF8, BOM_UTF8 + b"\n\n"])
def test_an_upload_without_an_entry_is_refused(upload):
    with pytest.raises(RequestRefused):
        add_journal_entries(upload, BodyRules("", "/upload", 1000), Records())
