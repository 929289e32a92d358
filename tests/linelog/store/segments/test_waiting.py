"""The sizes of segments that wait, which tell whether one was cut."""

import pytest

from logsrv.linelog.store.segments.waiting import WAITING, note_waiting, waiting_sizes
from tests.parts.disks import at


@pytest.mark.slow
def test_the_file_waiting_keeps_the_newest_thousand_sizes(tmp_path):
    with at(tmp_path) as disk:
        assert waiting_sizes(disk) == {}
        for number in range(1, 1003):
            note_waiting(number, 10 * number, disk)
        found = waiting_sizes(disk)
    assert len(found) == 1000 and found[1002] == 10020 and 2 not in found


def test_a_damaged_file_waiting_has_no_sizes(tmp_path):
    with at(tmp_path) as disk:
        note_waiting(17, 100, disk)
        whole = (tmp_path / WAITING).read_bytes()
        for place in range(8 * len(whole)):
            damaged = bytearray(whole)
            damaged[place // 8] ^= 1 << place % 8
            (tmp_path / WAITING).write_bytes(damaged)
            assert waiting_sizes(disk) == {}
        for size in range(len(whole)):
            (tmp_path / WAITING).write_bytes(whole[:size] + bytes(len(whole) - size))
            assert waiting_sizes(disk) == {}
