"""The plan of an erase, which another process can finish."""

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erase_plan import (
    ErasePlan,
    Runs,
    is_unfinished,
    locked_plan,
    parse_plan,
)
from tests.parts.disks import at


def plan() -> ErasePlan:
    one, other = Runs(), Runs()
    one.add(0, 10)
    one.add(10, 25)
    one.add(40, 41)
    other.add(7, 9)
    return ErasePlan("2026-11-30T04:00:00.000000Z", "why", "ann", 4, 0, {3: one, 17: other})


def told(found: ErasePlan) -> object:
    return found.reason, found.lines, {number: [*one] for number, one in found.runs.items()}


def test_neighbouring_lines_are_one_run():
    assert told(plan()) == ("why", 4, {3: [(0, 25), (40, 41)], 17: [(7, 9)]})
    assert plan().runs[3].span == (0, 41)


def test_a_line_that_is_known_already_makes_its_run_no_shorter():
    runs = Runs()
    for start, end in ((0, 10), (10, 25), (0, 10), (20, 30)):
        runs.add(start, end)
    assert [*runs] == [(0, 30)]


def test_a_plan_is_read_as_it_was_written():
    assert told(parse_plan(plan().to_bytes())) == told(plan())


def test_a_plan_that_was_not_written_whole_had_not_begun(tmp_path):
    whole = plan().to_bytes()
    for size in range(len(whole)):
        (tmp_path / "erasing").write_bytes(whole[:size])
        assert not is_unfinished(at(tmp_path))
        with locked_plan(at(tmp_path)) as file:
            assert file.read() is None
        assert not (tmp_path / "erasing").exists()


def test_an_interrupted_plan_stays_until_it_is_done(tmp_path):
    disk = at(tmp_path)
    with locked_plan(disk) as file:
        file.write(plan())
        assert not is_unfinished(disk), "a process is at it"
    assert is_unfinished(disk)
    with locked_plan(disk) as file:
        found = file.read()
        assert found is not None and told(found) == told(plan())
        file.remove()
    assert not (tmp_path / "erasing").exists() and not is_unfinished(disk)


def test_a_plan_replaces_what_was_in_the_file(tmp_path):
    """Half of another one, or a whole one of more lines."""
    few = ErasePlan("2026-11-30T04:00:00.000000Z", "", "bob", 1, 0, {3: Runs()})
    few.runs[3].add(0, 10)
    with locked_plan(at(tmp_path)) as file:
        for before in (b"half of a pl", plan().to_bytes(), b""):
            (tmp_path / "erasing").write_bytes(before)
            file.write(few)
            found = file.read()
            assert found is not None and told(found) == told(few)
        file.remove()


def test_an_erase_that_begins_as_another_ends_has_the_right_alone(tmp_path):
    """It has opened the file that the other one removes then: a lock on that keeps nobody away."""

    class AnotherEnds(Disk):
        times = 0

        def open(self, name: str, *flags: int) -> int:
            fd = super().open(name, *flags)
            self.times += 1
            if self.times < 3:
                self.unlink(name)
            return fd

    disk = AnotherEnds().open_directory(tmp_path)
    with locked_plan(disk) as file:
        other = locked_plan(at(tmp_path))
        with pytest.raises(StoreError, match="another erase is under way"):
            other.__enter__()
        file.write(plan())
    assert disk.times == 3 and is_unfinished(at(tmp_path))
    disk.close()


def test_one_erase_at_a_time(tmp_path):
    other = locked_plan(at(tmp_path))
    with locked_plan(at(tmp_path)), pytest.raises(StoreError, match="another erase is under way"):
        other.__enter__()
    with locked_plan(at(tmp_path)):
        pass
