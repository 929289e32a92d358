"""The lines of several files, in one order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.importing.files import find_log_files
from logsrv.linelog.importing.merge import merge_by_moment


@given(st.lists(st.lists(st.integers(0, 59)), max_size=5))
def test_lines_come_by_time_and_those_of_a_file_in_its_order(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("logs")
    names = []
    for number, seconds in enumerate(files):
        path = folder / f"{number}.log"
        path.write_text(
            "".join(f"2026-01-20T06:00:{one:02d}Z {number}\n" for one in sorted(seconds))
        )
        names.append(str(path))
    found = [
        (moment, line[21:])
        for moment, _, lines in merge_by_moment(find_log_files(names, pytest.fail, pytest.fail))
        for line in lines.splitlines()
    ]
    every = [(one, str(number).encode()) for number, seconds in enumerate(files) for one in seconds]
    begin = 1768888800_000000
    assert found == [(begin + one * 1_000_000, text) for one, text in sorted(every)]


def test_a_fault_of_a_file_without_lines_is_told(tmp_path):
    said: list[str] = []
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b garbage")
    assert (
        list(merge_by_moment(find_log_files([str(tmp_path / "a.gz")], said.append, said.append)))
        == []
    )
    assert len(said) == 1 and "a.gz cannot be read to its end" in said[0]
