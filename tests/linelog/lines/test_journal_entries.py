"""Entries of systemd's journal, however they are cut."""

import json
import tracemalloc
from codecs import BOM_UTF8
from typing import Any

import pytest

from logsrv.linelog.lines import journal_entries as journal
from logsrv.linelog.lines.bodies import Records, RequestRefused
from logsrv.linelog.lines.journal_entries import JournalEntry, JournalFramer, add_entry
from tests.parts.costs import SoughtBytes, allocated
from tests.parts.records import lines_of, runs_of


def field(key: str, value: bytes, *, binary: bool = False) -> bytes:
    if binary or b"\n" in value:
        return key.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return key.encode() + b"=" + value + b"\n"


def records_of(found: list[JournalEntry], most: int = 1000) -> Records:
    records = Records()
    for entry in found:
        add_entry(entry, most, records)
    return records


def records_in(data: bytes, most: int) -> Records:
    framer = JournalFramer()
    return records_of(framer.receive(data) + framer.finish(), most)


def entries(*found: Records | list[JournalEntry]) -> list[Any]:
    all_records = (one if isinstance(one, Records) else records_of(one) for one in found)
    return [json.loads(one) for records in all_records for one in lines_of(records)]


def test_a_field_that_comes_twice_is_a_list():
    fields = (("MESSAGE", b"a\nb"), ("X", b"1"), ("_PID", b""), ("X", b"2"))
    data = b"".join(field(key, value) for key, value in fields) + b"\n"
    wanted = {"MESSAGE": "a\nb", "X": ["1", "2"], "_PID": ""}
    for piece in (1, 7, len(data)):
        framer = JournalFramer()
        found = [framer.receive(data[at : at + piece]) for at in range(0, len(data), piece)]
        assert entries(*found, framer.finish()) == [wanted]


def test_an_entry_is_there_as_soon_as_it_is_whole():
    framer = JournalFramer()
    assert entries(framer.receive(b"MESSAGE=a\n\nMESSA")) == [{"MESSAGE": "a"}]


def test_bytes_and_entries_too_long():
    assert entries(records_in(field("A", b"\xff\n=") + b"B=\xfe\n", 1000)) == [
        {"A": "\\xff\n=", "B": "\\xfe"}
    ]
    long = records_in(field("A", b"x" * 100), 50)
    (run,) = runs_of(long)
    assert long.as_text == 1 and not run.structured
    assert run.lines == [b'{"A":"%b"}' % (b"x" * 100)], "KEY=VALUE only where JSON takes long"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"KEY\n\x01\0\0\0\0\0\0\0ab\n", 400),
        (b"KEY\n\x05\0\0\0\0\0\0\0ab", 400),
        (b"KEY\n\xff\xff\xff\xff\xff\xff\xff\xff", 400),
        (b"unfinished", 400),
    ],
)
def test_data_that_is_no_entry_is_refused(data, status):
    framer = JournalFramer()
    with pytest.raises(RequestRefused) as refused:
        (framer.receive(data), framer.finish())
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("size", "is_refused"),
    [(1 << 20, False), (768 << 20, False), ((768 << 20) + 1, True), (1 << 62, True)],
)
def test_a_field_that_claims_more_than_systemd_allows_is_refused(size, is_refused):
    """Nothing would ever come behind it; shorter ones are passed as their bytes come."""
    framer = JournalFramer()
    data = b"A=1\nMESSAGE\n" + size.to_bytes(8, "little") + b"x" * 100
    if is_refused:
        with pytest.raises(RequestRefused, match="more than 768 MiB"):
            framer.receive(data)
    else:
        assert entries(framer.receive(data)) == [] and framer.unfinished_bytes < 10_000


def test_a_field_without_a_name_is_one():
    assert entries(records_in(b"=value\nA=1\n", 100)) == [{"": "value", "A": "1"}]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "long", [field("CORE", b"y" * 200, binary=True), field("CORE", b"y" * 200), b"y" * 300 + b"=\n"]
)
def test_a_field_too_long_is_left_out_and_nothing_else(monkeypatch, long, size):
    """Sent again it would be as long; and no more of it is kept than may be."""
    monkeypatch.setattr(journal, "MOST_ENTRY", 250)
    framer = JournalFramer()
    data = field("A", b"1") + long + field("B", b"2") + b"\n" + field("C", b"3") + b"\n"
    got = []
    for at in range(0, len(data), size):
        got.append(framer.receive(data[at : at + size]))
        assert framer.unfinished_bytes <= 250
    assert entries(*got, framer.finish()) == [{"A": "1", "B": "2"}, {"C": "3"}]
    assert sum(entry.left_out for one in got for entry in one) == 1


def test_too_many_fields_are_left_out(monkeypatch):
    monkeypatch.setattr(journal, "MOST_ENTRY", 350)
    found = JournalFramer().receive(b"A=1\n" * 10 + b"\n")
    assert found[0].left_out and entries(found) == [{"A": ["1", "1", "1"]}]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("limit", ["MOST_FIELDS", "MOST_ENTRY"])
def test_a_field_with_a_size_is_left_out_whole_wherever_it_is_cut(monkeypatch, limit, size):
    """The end of its name is no end of it."""
    monkeypatch.setattr(journal, limit, {"MOST_FIELDS": 2, "MOST_ENTRY": 206}[limit])
    data = b"A=1\nB=2\n" + field("C", b"x\n\nD=4\n", binary=True) + b"\nE=5\n\n"
    framer = JournalFramer()
    got = [framer.receive(data[at : at + size]) for at in range(0, len(data), size)]
    assert entries(*got, framer.finish()) == [{"A": "1", "B": "2"}, {"E": "5"}]
    assert sum(entry.left_out for one in got for entry in one) == 1


def test_cut_off_in_a_field_that_is_left_out(monkeypatch):
    monkeypatch.setattr(journal, "MOST_ENTRY", 20)
    for data in (b"A" * 30, b"A\n" + (500).to_bytes(8, "little") + b"x" * 30):
        framer = JournalFramer()
        framer.receive(data)
        with pytest.raises(RequestRefused, match="middle of a field"):
            framer.finish()


def test_what_is_missing_is_known_where_a_field_has_a_size(monkeypatch):
    framer = JournalFramer()
    assert framer.missing_bytes == 0
    framer.receive(b"A\n" + (500).to_bytes(8, "little") + b"x" * 100)
    assert framer.missing_bytes == 401
    framer.receive(b"x" * 400)
    assert framer.missing_bytes == 1
    framer.receive(b"\nA=1")
    assert framer.missing_bytes == 0
    monkeypatch.setattr(journal, "MOST_ENTRY", 20)
    framer.receive(b"\nA\n" + (500).to_bytes(8, "little"))
    assert framer.missing_bytes == 501


def test_drips_into_a_long_field_are_looked_at_alone(monkeypatch):
    monkeypatch.setattr(journal, "bytearray", SoughtBytes, raising=False)
    framer = JournalFramer()

    def drip() -> None:
        for _ in range(100):
            assert not len(framer.receive(b"x"))

    framer.receive(b"K" * (4 << 20) + b"\n" + (4 << 20).to_bytes(8, "little"))
    for more in b"x" * ((4 << 20) - 200) + b"\n", b"":
        monkeypatch.setattr(SoughtBytes, "sought", 0)
        # What is held may move once, to grow.
        assert allocated(drip) < 16 << 20
        assert SoughtBytes.sought <= 100
        drip()
        framer.receive(more)
        if more:
            framer.receive(b"K=" + b"x" * (4 << 20))
    framer.receive(b"\n")
    assert len(framer.receive(b"\n")) == 1


def test_an_entry_much_longer_than_a_record_is_text_and_takes_little_more_than_its_bytes():
    """JSON of 15 MB took three seconds and 400 MB, before it was cut into lines."""
    value = b"\xff\xfe" * (4 << 20)
    tracemalloc.start()
    try:
        found = records_in(field("A", b"1") + field("CORE", value), 1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.as_text == 1 and lines_of(found) == [b"A=1\nCORE=" + value]
    assert peak < 8 * len(value)


def test_no_entry_has_more_fields_than_systemd_writes_several_times_over():
    found = JournalFramer().receive(b"A=1\n" * (journal.MOST_FIELDS + 1) + b"\n")
    records = records_of(found, 1 << 20)
    assert records.refused_count == 1 and entries(records) == [{"A": ["1"] * journal.MOST_FIELDS}]


@pytest.mark.parametrize("empty_lines", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("at", range(16))
def test_a_bom_in_front_of_an_upload_is_left_out_however_it_is_cut(at, empty_lines):
    sent = empty_lines + BOM_UTF8 + b"MESSAGE=m\n\nA=" + BOM_UTF8 + b"\n\n"
    framer = JournalFramer()
    found = records_of(framer.receive(sent[:at]) + framer.receive(sent[at:]))
    assert lines_of(found) == [b'{"MESSAGE":"m"}', b'{"A":"\xef\xbb\xbf"}']
    assert len(framer.finish_upload()) == 0


def test_a_bom_in_front_of_a_binary_field_is_left_out():
    framer = JournalFramer()
    sent = BOM_UTF8 + b"MESSAGE\n\2\0\0\0\0\0\0\0"
    assert framer.receive(sent) == []
    assert entries(framer.receive(b"ab\n\n")) == [{"MESSAGE": "ab"}]
