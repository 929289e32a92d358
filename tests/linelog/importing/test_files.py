"""Files found, unpacked and dated; what is wrong with one is a sentence, and the rest is taken."""

import bz2
import gzip
import io
import lzma
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.importing.files import STDIN, LogFile, find_log_files, merge_by_moment
from logsrv.linelog.importing.readable import CHUNK

TEXT = b"".join(
    b"2026-11-20T06:%02d:%02dZ line %d\n" % (n // 60 % 60, n % 60, n) for n in range(3600)
)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
WRITTEN = 1_795_190_400
SIX = 1_795_154_400_000_000
"""The first moment of TEXT."""


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    os.utime(path, (WRITTEN, WRITTEN))
    return str(path)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_file_is_unpacked_by_what_it_begins_with(tmp_path, packer):
    said: list[str] = []
    assert len(TEXT) > CHUNK
    name = written(tmp_path / "app.log", PACKERS[packer](TEXT))
    (file,) = find_log_files([name], said.append, said.append)
    assert b"".join(lines for _, lines in file.read_dated_lines()) == TEXT
    assert not said and file.dated.lines == 3600 and file.source == f"file:{name}"


def test_a_file_is_known_again_by_its_path_size_and_time(tmp_path):
    name = written(tmp_path / "app.log", TEXT)
    (file,) = find_log_files([name], print, print)
    assert file.identity == [name, len(TEXT), WRITTEN * 1_000_000_000]


@pytest.mark.parametrize("packer", ["gz", "zst", "bz2", "xz"])
def test_a_packed_file_that_breaks_off_is_told(tmp_path, packer):
    said: list[str] = []
    whole = PACKERS[packer](os.urandom(300_000).hex().encode() + b"\n")
    (file,) = find_log_files(
        [written(tmp_path / "a", whole[: len(whole) // 2])], said.append, said.append
    )
    for _ in file.read_dated_lines():
        pass
    assert len(said) == 1 and "a cannot be read to its end: " in said[0]


@pytest.mark.parametrize("stdin", [False, True])
def test_many_lines_before_the_first_time_have_that_one(tmp_path, monkeypatch, stdin):
    before = b"a line without a time\n" * (3 * CHUNK // 22)
    name = written(tmp_path / "app.log", before + TEXT)
    if stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(before + TEXT)))
        name = "-"
    (file,) = find_log_files([name], pytest.fail, pytest.fail)
    assert file.read_first_moment() == SIX
    runs = list(file.read_dated_lines())
    assert runs[0][0] == SIX and runs[-1][0] == SIX + 3599 * 1_000_000
    assert b"".join(lines for _, lines in runs) == before + TEXT
    assert (file.dated.undated, file.dated.late) == (before.count(b"\n"), 0)


def test_lines_are_sorted_by_their_own_times_if_asked(tmp_path):
    lines = [
        b"2026-11-20T06:00:05Z five\n",
        b"  a part of five\n",
        b"2026-11-20T06:00:02Z two\n",
        b"2026-11-20T06:00:05Z five again\n",
        b"2026-11-20T06:00:01Z one\n",
    ]
    (file,) = find_log_files(
        [written(tmp_path / "app.log", b"".join(lines))], pytest.fail, pytest.fail
    )
    file.by_time = True
    one = SIX + 1_000_000
    assert file.read_first_moment() == one
    assert list(file.read_dated_lines()) == [
        (one, lines[4]),
        (one + 1_000_000, lines[2]),
        (one + 4_000_000, lines[0] + lines[1]),
        (one + 4_000_000, lines[3]),
    ]
    assert (file.dated.first, file.dated.last, file.dated.late) == (one, one + 4_000_000, 0)


def test_a_line_that_is_too_old_to_be_sorted_is_late(tmp_path, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.importing.files._WAITING", 5000)
    late = b"2026-11-20T05:59:50Z late\n"
    (file,) = find_log_files([written(tmp_path / "app.log", TEXT + late)], pytest.fail, pytest.fail)
    file.by_time = True
    assert file.read_first_moment() == SIX
    runs = list(file.read_dated_lines())
    assert b"".join(text for _, text in runs).replace(late, b"") == TEXT
    assert [moment for moment, _ in runs] == sorted(moment for moment, _ in runs)
    assert file.dated.late == 1 and file.dated.latest > 3_500_000_000


def test_a_long_file_without_a_time_has_its_own(tmp_path):
    (file,) = find_log_files(
        [written(tmp_path / "a", b"hello\n" * CHUNK)], pytest.fail, pytest.fail
    )
    assert file.read_first_moment() == WRITTEN * 1_000_000
    assert {moment for moment, _ in file.read_dated_lines()} == {WRITTEN * 1_000_000}
    assert file.dated.undated == file.dated.lines == CHUNK


def test_files_rotated_longest_ago_come_first(tmp_path):
    for name in ("log", "log.1", "log.2.gz", "log.10.gz", "auth"):
        written(tmp_path / name, b"x\n")
    found = find_log_files([str(tmp_path)], pytest.fail, pytest.fail)
    names = [Path(file.name).name for file in found]
    assert names == ["auth", "log.10.gz", "log.2.gz", "log.1", "log"]


def test_a_directory_is_gone_through_and_what_is_no_text_is_left_out(tmp_path):
    said: list[str] = []
    host = tmp_path / "web 1"
    host.mkdir()
    written(host / "messages", b"hello\n")
    written(tmp_path / "wtmp", b"\7\0\0\0")
    (tmp_path / "link").symlink_to(host / "messages")
    os.mkfifo(tmp_path / "pipe")
    (file,) = find_log_files([str(tmp_path), str(tmp_path / "gone")], said.append, said.append)
    assert file.source == f"file:{tmp_path}/web\\x201/messages"
    assert said == [
        f"{tmp_path}/wtmp is no text; left out",
        f"{tmp_path}/gone cannot be read: No such file or directory",
    ]


def test_a_journal_that_breaks_off_keeps_its_whole_entries(tmp_path):
    said: list[str] = []
    entry = b"__REALTIME_TIMESTAMP=1763619522123456\nMESSAGE=a\n\n"
    (file,) = find_log_files(
        [written(tmp_path / "j", entry + b"MESSAGE\n\xff")], said.append, said.append
    )
    assert [moment for moment, _ in file.read_dated_lines()] == [1763619522123456]
    [sentence] = said
    assert sentence.startswith(f"{tmp_path}/j: the upload ends in the middle of a field")
    assert sentence.endswith("; the entries before that are imported")


@pytest.mark.slow
def test_a_journal_entry_of_many_bytes_that_are_no_text_has_its_own_time(tmp_path):
    core = b"CORE\n" + (4 << 20).to_bytes(8, "little") + b"\xff" * (4 << 20) + b"\n"
    entry = b"__REALTIME_TIMESTAMP=1763619522123456\n" + core + b"\n"
    (file,) = find_log_files([written(tmp_path / "j", entry)], print, print)
    assert [moment for moment, _ in file.read_dated_lines()] == [1763619522123456]


def moment(time: datetime) -> int:
    return round(time.timestamp() * 1e6)


# What a line of each of LogHub's 16 systems begins with, as strftime has it, and how fine its times are.
SYSTEMS = {
    "Android": ("%m-%d %H:%M:%S.{ms:03}  1702  2395 D WindowManager: acquire lock=233570404", 1000),
    "Apache": ("[%a %b %d %H:%M:%S %Y] [notice] workerEnv.init() ok /etc/httpd/conf", 10**6),
    "BGL": (
        "- {s} %Y.%m.%d R02-M1-N0 %Y-%m-%d-%H.%M.%S.675872 R02-M1-N0 RAS KERNEL INFO ok",
        10**6,
    ),
    "HDFS": ("%y%m%d %H%M%S 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1", 10**6),
    "HPC": ("134681 node-246 unix.hw state_change.unavailable {s} 1 Component State Change", 10**6),
    "Hadoop": (
        "%Y-%m-%d %H:%M:%S,{ms:03} INFO [main] org.apache.hadoop.MRAppMaster: Created",
        1000,
    ),
    "HealthApp": ("%Y%m%d-{h}:{m}:{sec}:{ms}|Step_LSC|30002312|onStandStepChanged 3579", 1000),
    "Linux": ("%b %e %H:%M:%S combo sshd(pam_unix)[19939]: authentication failure", 10**6),
    "Mac": ("%b %e %H:%M:%S calvisitor-10-105 kernel[0]: IOThunderboltSwitch<0>(0x0)", 10**6),
    "OpenSSH": ("%b %e %H:%M:%S LabSZ sshd[24200]: Invalid user webmaster from 10.0.0.7", 10**6),
    "OpenStack": (
        "nova-api.log.1.%Y-%m-%d_13:53:08 %Y-%m-%d %H:%M:%S.{ms:03} 25746 INFO nova",
        1000,
    ),
    "Proxifier": ("[%m.%d %H:%M:%S] chrome.exe *64 - proxy.example:5070 open through proxy", 10**6),
    "Spark": ("%y/%m/%d %H:%M:%S INFO executor.CoarseGrainedExecutorBackend: Registered", 10**6),
    "Thunderbird": ("- {s} %Y.%m.%d dn228 %b %e %H:%M:%S dn228/dn228 crond[2915]: opened", 10**6),
    "Windows": ("%Y-%m-%d %H:%M:%S, Info                  CBS    Loaded Servicing Stack", 10**6),
    "Zookeeper": ("%Y-%m-%d %H:%M:%S,{ms:03} - INFO  [/10.10.34.11:3888:Listener@493] - x", 1000),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_line_of_the_systems_of_loghub_has_its_time(tmp_path, system, local_time):
    form, fine = SYSTEMS[system]
    text, expected = b"", []
    for number in range(60):
        # Days and hours of one digit and of two, and a new year.
        at = datetime.fromtimestamp(1_766_000_000 + 31_234 * number, UTC).astimezone()
        at = at.replace(microsecond=number * 16_000)
        line = at.strftime(form.replace("%e", f"{at.day:2}")).format(
            ms=number * 16, s=int(at.timestamp()), h=at.hour, m=at.minute, sec=at.second
        )
        text += line.encode() + b"\r\n"
        expected.append(moment(at) // fine * fine)
    name = written(tmp_path / "a.log", text)
    os.utime(name, (expected[-1] / 1e6, expected[-1] / 1e6))
    (file,) = find_log_files([name], pytest.fail, pytest.fail)
    file.exact = True
    assert file.read_first_moment() == expected[0]
    assert [one for one, lines in file.read_dated_lines() for _ in lines.splitlines()] == expected
    assert (file.dated.without, file.dated.late) == (0, 0)


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_file_whose_form_changes_in_the_middle(tmp_path):
    text = b"".join(b"2026-11-20T06:00:%02dZ a\n" % (n // 2) for n in range(100))
    text += b"".join(b'level=info ts="2026-11-20T06:01:%02d.5Z" b\n' % n for n in range(60))
    (file,) = find_log_files([written(tmp_path / "a", text)], pytest.fail, pytest.fail)
    moments = [one for one, lines in file.read_dated_lines() for _ in lines.splitlines()]
    assert moments[:100] == [SIX + n // 2 * 1_000_000 for n in range(100)]
    assert moments[100:] == [SIX + (60 + n) * 1_000_000 + 500_000 for n in range(60)]
    assert file.dated.forms == {"RFC 3339": 100, "logfmt": 60}


def test_days_and_months_are_told_apart_by_a_later_line(tmp_path):
    text = b"".join(b"%02d/11/2026 06:00:00 line\n" % day for day in range(9, 17))
    (file,) = find_log_files([written(tmp_path / "a", text)], pytest.fail, pytest.fail)
    first = file.read_first_moment()
    moments = [one for one, _ in file.read_dated_lines()]
    assert first == moments[0] == moment(datetime(2026, 11, 9, 6))
    assert moments[-1] == moment(datetime(2026, 11, 16, 6)) and not file.dated.unclear
    text = b"".join(b"11/%02d/2026 06:00:00 line\n" % day for day in range(1, 13))
    (file,) = find_log_files([written(tmp_path / "b", text)], pytest.fail, pytest.fail)
    assert file.read_first_moment() == WRITTEN * 1_000_000
    assert {one for one, _ in file.read_dated_lines()} == {
        WRITTEN * 1_000_000
    } and file.dated.unclear == 12


def test_text_with_nuls_and_utf_16_are_text(tmp_path):
    line = "2026-11-20T06:00:00Z grüß\n"
    for name, data in (
        ("copytruncate", b"\0" * 200_000 + line.encode()),
        ("power cut", line.encode() + b"\0" * 4000),
        ("utf-16", line.encode("utf-16")),
    ):
        written(tmp_path / name, data)
    for name, data in (
        ("elf", b"\x7fELF\2\1\1" + b"\0" * 9 + b"\3\0>\0"),
        ("sqlite", b"SQLite format 3\0\x10\0"),
    ):
        written(tmp_path / name, data)
    left: list[str] = []
    found = find_log_files([str(tmp_path)], pytest.fail, left.append)
    assert [Path(file.name).name for file in found] == ["copytruncate", "power cut", "utf-16"]
    assert len(left) == 2
    for file in found:
        lines = b"".join(lines for _, lines in file.read_dated_lines()).decode().splitlines(True)
        assert line in lines and file.dated.said == SIX


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
        ("Feb 29, Nov 1, Feb 28", "2025-03-01", "2024-02-29, 2024-11-01, 2025-02-28"),
        ("Dec 31, Jan 1, Dec 31", "2026-01-07", "2025-12-31, 2026-01-01, 2026-01-01"),
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


def test_two_years_of_a_large_file_are_two_years(tmp_path):
    days = [(month, day) for month in range(1, 13) for day in range(1, 29)]
    text = b"".join(
        f"{datetime(2000, month, day):%b %e} {hour:02}:00:00 db7 app: {'x' * 200}\n".encode()
        for month, day in days * 2
        for hour in (1, 9, 20)
    )
    assert len(text) > 5 * CHUNK
    path = tmp_path / "log"
    path.write_bytes(text)
    changed = datetime(2025, 12, 31, 21, tzinfo=UTC).timestamp()
    os.utime(path, (changed, changed))
    assert dates_of(LogFile(str(path), pytest.fail)) == [
        f"{year}-{month:02}-{day:02}"
        for year in (2024, 2025)
        for month, day in days
        for _ in range(3)
    ]


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
