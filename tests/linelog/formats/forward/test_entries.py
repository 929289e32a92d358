"""Entries of Forward, cut anywhere: those made together and those that take care; its handshake."""

import struct
import time
from collections.abc import Sequence
from hashlib import sha512
from typing import Any

import msgpack
import pytest

from logsrv.linelog.formats.forward import entries as forward_entries
from logsrv.linelog.formats.forward.entries import EntryWriter, unpack_value
from logsrv.linelog.formats.forward.parse import answer_ping, helo_message
from logsrv.linelog.lines.bodies import Records, WholeLines
from tests.parts.colliding_numbers import numbers
from tests.parts.records import lines_of

LONGEST = 1000
STAMP = "2023-11-14T22:13:20"
SECOND = 1_700_000_000
EVENT_TIME = msgpack.ExtType(0, struct.pack(">II", SECOND, 7))


def packed(*entries: Any) -> bytes:
    return b"".join(map(msgpack.packb, entries))


def added(
    entries: bytes, tag: str = "t", number: int | None = None, longest: int = LONGEST
) -> tuple[Records, int]:
    records = Records()
    size = EntryWriter(tag, longest, records).add_entries(memoryview(entries), number)
    return records, size


def test_usual_ones_become_lines_together():
    times = [SECOND, SECOND, EVENT_TIME, [EVENT_TIME, {}], SECOND + 0.5]
    records, size = added(packed(*([time, {"time": 1, "a": None}] for time in times)))
    (found,) = records.take_runs()
    assert isinstance(found, WholeLines) and found.number == 5
    ends = ["Z", "Z", ".000000007Z", ".000000007Z", ".5Z"]
    assert found.text.decode().splitlines() == [
        f'{{"time":1,"a":null,"_time":"{STAMP}{end}","tag":"t"}}' for end in ends
    ]
    assert size > 0


def test_entries_of_every_length_are_all_taken():
    data = packed(*([SECOND, {"n": n, "x": "y" * (n * 300)}] for n in range(6)), [SECOND, "text"])
    records, taken = added(data)
    assert taken == len(data) and len(lines_of(records)) == 7
    # Two of them are longer than a record, one has none.
    assert records.as_text == 3


def test_the_given_number_of_entries_is_taken_and_no_more():
    first = packed([SECOND, {}], [SECOND, {}])
    records, taken = added(first + packed({"chunk": "x"}), number=2)
    assert taken == len(first) and len(records) == 2
    assert added(b"\xc1", number=0)[1] == 0


@pytest.mark.parametrize("data", [b"\x92\x01", b"\xc1", b"\x92\x01\xda\xff\xff" + b"x" * 50])
def test_half_an_entry_at_the_end_is_stored_as_text(data):
    """Kept as text where nothing else follows it; it has no end where something should."""
    records, _ = added(data)
    assert lines_of(records) == [data] and records.as_text == 1
    with pytest.raises(ValueError, match=r"no end|damaged"):
        added(data, number=1)


@pytest.mark.parametrize("damaged", [b"\xc1", b"\x92\x01\xda\xff\xff"])
def test_more_than_a_record_is_damaged(damaged):
    with pytest.raises(ValueError, match="damaged"):
        added(damaged + b"\xc1" * 1000 + b"x" * 1000)


def test_entries_that_are_no_pairs_are_stored_as_text():
    none: list[Any] = [[1], [1, {}, 2], {1: {}}, 5]
    records, _ = added(packed(*none))
    assert lines_of(records) == [b"[1]", b"[1,{},2]", b'{"1":{}}', b"5"]
    assert records.as_text == 4


def test_what_is_no_pair_and_longer_than_a_record():
    entry = packed([1, {}, "x" * 1000])
    records, _ = added(entry)
    assert records.as_text == 1 and lines_of(records) == [entry]


def test_a_long_tag_is_not_multiplied_at_once():
    """A window of entries of three bytes would be hundreds of megabytes."""
    records, _ = added(packed([0, {}]) * 2000, tag="t" * 4000)
    assert not any(isinstance(run, WholeLines) for run in records.take_runs())


def test_values_with_odd_text_and_keys_are_unpacked():
    assert unpack_value(b"\xa1\xff") == "\\xff" and unpack_value(b"\xa1\xff", raw=True) == b"\xff"
    assert unpack_value(b"\x81\x91\x01\x02") == {"[1]": 2}


@pytest.mark.parametrize("number", [None, 3])
def test_short_entries_behind_a_long_one(number):
    """They come with its last bytes, and nothing comes behind them."""
    data = packed([SECOND, {"a": "x" * 900_000}], [SECOND, {"b": 1}], [SECOND, {"b": 2}])
    records, taken = added(data, number=number)
    assert taken == len(data)
    assert [len(line) > 900_000 for line in lines_of(records)] == [True, False, False]
    assert records.as_text == 1


def test_keys_are_text_before_they_are_keys():
    """A number has the hash that its sender chose, and a dict of such ones takes minutes."""
    sent = {1: {2.5: {None: {True: 1, b"b": 2, "s": 3}}}}
    found = unpack_value(msgpack.packb(sent, use_bin_type=True))
    assert found == {"1": {"2.5": {"null": {"true": 1, b"b": 2, "s": 3}}}}
    stamp = msgpack.Timestamp(1, 2)
    (key,) = unpack_value(b"\x81" + msgpack.packb(stamp) + b"\xc0")
    assert isinstance(key, str)


@pytest.mark.nightly
@pytest.mark.long
def test_chosen_numbers_as_keys_take_no_longer_than_others():
    def seconds(keys: Sequence[int]) -> float:
        head = struct.pack(">BI", 0xDF, len(keys))
        record = head + b"".join(struct.pack(">BIB", 0xCE, key, 0xC0) for key in keys)
        began = time.thread_time()
        records, _ = added(b"\x92\x00" + record, number=1, longest=1 << 20)
        assert len(records) == 1
        return time.thread_time() - began

    chosen = numbers(4000)
    assert seconds(chosen) < 10 * seconds(range(len(chosen))) + 0.1


def test_maps_as_keys_of_maps_that_are_keys_do_not_double_without_end():
    """Each quote in a key becomes two with each map around it: 90 bytes were 2^40."""
    nested = b"\x81" * 40 + b"\xa1a" + b"\xc0" * 40
    records, _ = added(b"\x92\x00" + nested)
    assert records.as_text == 1 and len(lines_of(records)[0]) < 1000


def test_text_that_is_not_utf_8_is_the_same_in_long_records_and_in_short_ones():
    def line(length: int) -> bytes:
        value = b"\xda" + struct.pack(">H", length) + b"\xff" * length
        record = b"\x82\xa1\xfe" + value + b"\xa1b\xc4\x01\xfd"
        records, _ = added(b"\x92\x00" + record, number=1, longest=1 << 20)
        return lines_of(records)[0]

    for length in (1, 60_000):
        escape = b"\\\\xff"
        assert line(length) == (
            b'{"\\\\xfe":"%b","b":"\\\\xfd","time":"1970-01-01T00:00:00Z","tag":"t"}'
            % (escape * length)
        )


def test_a_record_that_is_much_too_long_is_kept_as_its_bytes(monkeypatch):
    """JSON of 30 MB that is not UTF-8 took 900 MB, and kept others waiting for 14 seconds."""
    monkeypatch.setattr(forward_entries, "MUCH_LONGER", 1000)
    time, record = msgpack.packb(SECOND), msgpack.packb({"a": b"\xff" * 5000})
    records, _ = added(b"\x92" + time + record)
    assert records.as_text == 1 and lines_of(records) == [time + record]


NONCE = b"\0\xff" * 8


def ping(key: str = "secret", **other: Any) -> bytes:
    nonce = other.get("nonce", NONCE)
    digest = sha512(b"salt" + b"host" + nonce + key.encode()).hexdigest()
    return bytes(msgpack.packb(["PING", "host", other.get("salt", b"salt"), digest, "", ""]))


def test_helo_has_the_nonce_and_keepalive():
    name, options = msgpack.unpackb(helo_message(NONCE))
    assert (name, options["nonce"], options["keepalive"]) == ("HELO", NONCE, True)


def test_a_client_with_the_key_is_let_in_and_sees_our_proof():
    answer, why = answer_ping(ping(), "secret", NONCE)
    expected = sha512(b"salt" + b"logsrv" + NONCE + b"secret").hexdigest()
    assert (msgpack.unpackb(answer), why) == (["PONG", True, "", "logsrv", expected], "")


@pytest.mark.parametrize("wrong", [ping("Secret"), ping(nonce=b"other"), ping(salt=b"pepper")])
def test_a_client_without_the_key_is_told_so(wrong):
    answer, why = answer_ping(wrong, "secret", NONCE)
    assert msgpack.unpackb(answer)[:3] == ["PONG", False, "shared key mismatch"]
    assert why == "it does not have the shared key"


@pytest.mark.parametrize(
    "value",
    [
        ["t", 1, {}],
        ["PING", "a"],
        ["PING", 1, 2, 3, 4, 5],
        7,
        {b"": {}},
        ["PONG", "", "", "", "", ""],
    ],
)
def test_a_value_other_than_a_ping_is_refused_without_an_answer(value):
    answer, why = answer_ping(msgpack.packb(value), "secret", NONCE)
    assert answer == b"" and why
