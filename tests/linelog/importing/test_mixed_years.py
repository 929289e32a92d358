"""Files in which only some times have a year: it tells that of the others, in the order of the file."""

import gzip
import io
import os
import sys
from datetime import UTC, datetime

import pytest

from logsrv.linelog.importing.files import STDIN, LogFile

AT_NOON = " 12:00:00 db7 app: x"


def dates_of(file: LogFile) -> list[str]:
    """Return the date of each line, as the import stores them."""
    assert file.read_first_moment() is not None
    return [
        datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%d")
        for moment, lines in file.read_dated_lines()
        for _ in lines.splitlines()
    ]


def lines_of(days: str) -> bytes:
    """Return a line for each day: `Jan 5` without its year, `2025-01-05` with it, `{` as JSON."""
    lines = []
    for day in days.split(", "):
        if day.startswith("{"):
            stamp = int(datetime.fromisoformat(f"{day[1:]}T12:00:00Z").timestamp())
            lines.append(f'{{"time": {stamp}, "message": "x"}}')
        elif day[0].isdigit():
            lines.append(f"{day}T12:00:00Z app: x")
        else:
            month, number = day.split(" ")
            lines.append(f"{month} {number:>2}{AT_NOON}")
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize(
    ("days", "written", "expected"),
    [
        ("Nov 5, 2024-11-06", "2026-11-20", "2024-11-05, 2024-11-06"),
        ("2023-05-01, May 3", "2026-11-20", "2023-05-01, 2023-05-03"),
        # The next date with a year tells it, not the one before.
        ("2022-03-01, Nov 5, 2024-11-06", "2026-11-20", "2022-03-01, 2024-11-05, 2024-11-06"),
        # New Year between the two.
        ("Dec 31, Jan 1, 2024-01-02", "2026-11-20", "2023-12-31, 2024-01-01, 2024-01-02"),
        ("2023-12-30, Dec 31, Jan 1", "2026-11-20", "2023-12-30, 2023-12-31, 2024-01-01"),
        ("2023-12-31, Jan 1, Feb 3, Jan 2", "2026-11-20", "2023-12-31, 2024-01-01, 2024-02-03, 2025-01-02"),
        # Years that pass between dates without one.
        ("Mar 1, Jan 5, Jan 4, Nov 2, Feb 1, 2020-02-03", "2026-11-20",
         "2018-03-01, 2019-01-05, 2019-01-05, 2019-11-02, 2020-02-01, 2020-02-03"),
        ("Feb 29, Mar 1, {2023-04-01", "2026-11-20", "2020-02-29, 2020-03-01, 2023-04-01"),
        # Several stretches, each by the date behind it.
        ("May 1, {2020-05-02, May 3, {2021-05-04, May 5", "2026-11-20",
         "2020-05-01, 2020-05-02, 2021-05-03, 2021-05-04, 2021-05-05"),
        ("{2020-05-02, May 3, {2020-05-04, May 3, {2021-05-04", "2026-11-20",
         "2020-05-02, 2020-05-03, 2020-05-04, 2021-05-03, 2021-05-04"),
        # A date a little out of order is none of another year.
        ("2024-12-31, Jan 1, Dec 31, 2025-01-01", "2026-11-20",
         "2024-12-31, 2025-01-01, 2025-01-01, 2025-01-01"),
        ("Jan 2, 2025-01-01", "2026-11-20", "2025-01-02, 2025-01-02"),
        # Without any year, by the end of the file.
        ("Jan 5, May 5, Jan 6", "2026-01-07", "2025-01-05, 2025-05-05, 2026-01-06"),
    ],
)  # fmt: skip
def test_years_stand_in_other_lines(tmp_path, days, written, expected):
    for pack in (bytes, gzip.compress):
        path = tmp_path / "log"
        path.write_bytes(pack(lines_of(days)))
        moment = datetime.fromisoformat(f"{written}T13:00:00Z").timestamp()
        os.utime(path, (moment, moment))
        file = LogFile(str(path), pytest.fail)
        assert ", ".join(dates_of(file)) == expected
        assert (file.cut, file.unpacked) == ([], len(lines_of(days)))


def test_standard_input_is_read_once(monkeypatch):
    """Only the years before a line tell its own."""
    text = lines_of("2022-03-01, Nov 5, Jan 3, 2024-11-06, Nov 7")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    file = LogFile(STDIN, pytest.fail)
    assert dates_of(file) == ["2022-03-01", "2022-11-05", "2023-01-03", "2024-11-06", "2024-11-07"]


def test_the_years_of_a_large_file_are_found_before_its_lines(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(lines_of("2024-01-01") * 50_000 + lines_of("Feb 1, 2025-02-02"))
    file = LogFile(str(path), pytest.fail)
    assert dates_of(file)[-2:] == ["2025-02-01", "2025-02-02"]
