"""Files of which some parts are here."""

import pytest

from logsrv.linelog.store.words.partial import MissingParts, PartialFile


def test_bytes_within_a_known_part_are_read():
    file = PartialFile(100, [(10, b"abcdef"), (50, b"xyz")])
    assert file.read(12, 3) == b"cde"
    assert file.read(50, 3) == b"xyz"
    assert file.read(100, 5) == file.read(20, 0) == b""
    for at, size in ((9, 3), (14, 3), (0, 1), (16, 1)):
        with pytest.raises(MissingParts) as missing:
            file.read(at, size)
        assert missing.value.ranges == [(at, size)]


def test_all_missing_parts_are_named_at_once():
    file = PartialFile(100, [(10, b"abcdef")])
    with pytest.raises(MissingParts) as missing:
        file.require_fetched([(10, 2), (0, 5), (40, 5)])
    assert missing.value.ranges == [(0, 5), (40, 5)]
    file.add(0, b"12345")
    file.add(40, b"67890")
    file.require_fetched([(10, 2), (0, 5), (40, 5)])


def test_a_small_part_does_not_hide_a_larger_one():
    file = PartialFile(100, [(0, b"a" * 50)])
    file.add(10, b"a")
    assert file.read(10, 20) == b"a" * 20
