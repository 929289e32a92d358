"""Imported lines that have no hostname get the one that is asked for, and keep all else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.importing.hostnames import HostnameAdder, HostnameOfPath, hostname_option
from tests.parts.commands import logsrv

UTC = {"TZ": "UTC"}
MOMENT = 1_795_155_522_123_456
TEXTS = (
    "2026-11-20 06:18:42 ERROR no room",
    '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 404 612 "-" "curl/8"',
    '{"time":"2026-11-20T06:18:42Z","service":"shop","pid":7,"msg":"paid"}',
    "level=warn ts=2026-11-20T06:18:42Z component=db msg=slow",
    "Started",
)


def stored(text: bytes) -> bytes:
    return HostnameAdder("web1", "/srv/logs/app.log", "file:app.log").add(MOMENT, text + b"\n")[:-1]


@pytest.mark.parametrize("text", TEXTS)
def test_a_line_keeps_its_text_level_program_and_fields(text):
    before = ParsedLine.of_message(text.encode())
    line = ParsedLine.of_message(stored(text.encode()))
    assert line.get("hostname") == "web1"
    assert line.body.endswith(text.encode()) and line.content == text.encode()
    assert line.level == before.level and line.kind == before.kind
    assert line.get("app") == (before.get("app") or "app.log")
    names = before.fields.keys() - {"text"}
    assert {name: line.get(name) for name in names} == {name: before.get(name) for name in names}


PIECES = st.sampled_from(
    [
        *" {}[]:=%<>/\"'-|",
        "web9 ",
        "Nov 20 06:18:42 ",
        "error: ",
        "%ASA-3-1: ",
        "a=1 ",
        "<13>",
        "stdout F ",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
def test_any_line_has_a_hostname_then_or_is_unchanged(text):
    data = text.replace("\n", "").encode("utf-8", "replace")
    line = ParsedLine.of_message(stored(data))
    if line.body != data:
        assert line.body.endswith(data)
        assert line.get("hostname") == "web1"
        assert line.level == ParsedLine.of_message(data).level


@pytest.mark.parametrize(
    ("text", "path", "hostname"),
    [
        ("3", "/srv/logs/web1/app.log", "web1"),
        ("4", "/srv/logs/web1/app.log", None),
        ("9", "/srv/logs/web1/app.log", None),
        (r"/([^/]+)/[^/]*$", "/srv/logs/web1/app.log", "web1"),
        (r"app-(\w+)\.log", "/srv/app-db2.log", "db2"),
        (r"app-(\w+)?\.log", "/srv/app-.log", None),
        ("2", "/srv/a b/app.log", None),
        ("2", "/srv/error/app.log", None),
    ],
)
def test_a_hostname_is_found_in_a_path(text, path, hostname):
    assert HostnameOfPath(text).find(path) == hostname


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        (
            "--hostname",
            "a b",
            '"a b" is not a hostname that the header of a log can have, such as web1',
        ),
        ("--hostname", "error", "error is not a hostname"),
        (
            "--hostname-from",
            "0",
            "folders of a path count from 1: of /srv/logs/web1/app.log, 3 is web1",
        ),
        ("--hostname-from", "web", "web needs one group, the hostname in the path, such as"),
        ("--hostname-from", "(", "( is not a valid expression: "),
    ],
)
def test_a_wrong_option_is_a_sentence(option, value, sentence, tmp_path):
    done = logsrv("import", option, value, "x.log", directory=tmp_path)
    assert done.returncode == 2 and sentence in done.stderr.decode()


def test_hostnames_are_valid():
    for name in ("web1", "web-1.example.org", "10.0.0.1", "a"):
        assert hostname_option(name) == name


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_795_176_000, 1_795_176_000))


def found(tmp_path: Path, *words: str) -> list[str]:
    shown = logsrv("search", "--directory", "store", "--output", "raw", *words, directory=tmp_path)
    assert not shown.stderr
    return shown.stdout.decode().splitlines()


TRACE = (
    "2026-11-19 06:25:01 ERROR boom\nTraceback (most recent call last):\n"
    '  File "shop.py", line 3, in pay\n    raise ValueError\nValueError\n'
)


def test_lines_without_a_hostname_are_found_by_the_one_they_get(tmp_path):
    write(tmp_path / "app.log", TRACE + "2026-11-19 06:25:09 INFO well again\n")
    write(tmp_path / "syslog", "Nov 19 06:25:02 db7 cron[8]: ran\n  and went on\n")
    words = ("import", "--directory", "store", "--hostname", "web1", "app.log", "syslog")
    tried = logsrv(*words, "--dry-run", environment=UTC, directory=tmp_path)
    done = logsrv(*words, environment=UTC, directory=tmp_path)
    assert done.returncode == 0 and not done.stderr
    for one in (tried, done):
        told = one.stdout.decode().splitlines()
        assert told[0].endswith("; 6 lines get the hostname web1")
        assert told[1].endswith("; 2 lines keep their own")
    assert len(found(tmp_path, "hostname=web1")) == 6
    assert found(tmp_path, "hostname=web1", "again") == [
        "2026-11-19T06:25:09.000000Z web1 app.log: 2026-11-19 06:25:09 INFO well again"
    ]
    assert found(tmp_path, "hostname=db7")[0] == "Nov 19 06:25:02 db7 cron[8]: ran"
    # The record is one still: its other lines have the level and the hostname of its first.
    first, *others = found(tmp_path, "level=error")
    assert [first.split(": ", 1)[1], *others] == TRACE.splitlines()


def test_the_hostname_is_a_folder_of_the_path(tmp_path):
    for name in ("web1", "web2"):
        write(tmp_path / "logs" / name / "app.log", f"2026-11-19T06:25:01Z {name} started\n")
    number = str(len(tmp_path.parts) + 1)
    words = ("import", "--directory", "store", "--hostname-from", number, "--hostname", "other")
    write(tmp_path / "logs" / "app.log", "2026-11-19T06:25:02Z of no host\n")
    done = logsrv(*words, "logs", environment=UTC, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "logs/app.log: 1 line" in done.stdout.decode()
    assert "; no hostname in its path; 1 line gets the hostname other\n" in done.stdout.decode()
    assert [len(found(tmp_path, f"hostname={name}")) for name in ("web1", "web2", "other")] == [
        1
    ] * 3


def test_lines_with_a_header_that_has_no_hostname_are_unchanged_and_counted(tmp_path):
    """Another header before it would hide what it says."""
    line = "2026-11-19T06:25:01.000000001Z stdout F paid"
    write(tmp_path / "0.log", f"{line}\n")
    words = ("import", "--directory", "store", "--hostname", "web1", "0.log")
    done = logsrv(*words, environment=UTC, directory=tmp_path)
    assert b"; 1 line with a header that has none stays without\n" in done.stdout
    assert found(tmp_path) == [line]
