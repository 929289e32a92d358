"""`logsrv sql` as its user meets it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.stores import lines, make_store

MESSAGES = ["status=200 ms=5", "status=503 ms=7.5", "status=404 note=\x07bell", "nothing"]


@pytest.fixture
def store(tmp_path: Path) -> str:
    every = lines(MESSAGES)
    return str(make_store(tmp_path / "logs", [every[:2], every[2:]]))


def test_an_answer_is_a_table_by_default(store):
    done = logsrv(
        "sql", "--directory", store, "select status, ms from logs where status > 1 order by 1"
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "status   ms",
        "──────  ───",
        "   200  5.0",
        "   404",
        "   503  7.5",
    ]


@pytest.mark.slow
def test_an_answer_can_be_csv_json_or_parquet(store, tmp_path):
    import pyarrow.parquet

    words = ("sql", "--directory", store, "select time, status, fields from logs where ms > 6")
    csv = logsrv(*words, "--output", "csv").stdout.decode().splitlines()
    assert csv[0] == "time,status,fields"
    assert csv[1].startswith("2026-11-20T06:00:01.000000Z,503,")
    assert json.loads(logsrv(*words, "--output", "json").stdout) == {
        "time": "2026-11-20T06:00:01.000000Z",
        "status": 503,
        "fields": {"status": "503", "ms": "7.5"},
    }
    file = tmp_path / "found.parquet"
    assert logsrv(*words, "--output", "parquet", "--to", str(file)).returncode == 0
    assert pyarrow.parquet.read_table(file).column("status").to_pylist() == [503]


@pytest.mark.slow
def test_exit_status_says_whether_there_are_rows(store):
    assert (
        logsrv("sql", "--directory", store, "select 1 from logs where status = 1").returncode == 1
    )
    assert (
        logsrv("sql", "--directory", store, "select count(*) from logs where status = 1").returncode
        == 0
    )
    assert logsrv("sql", "--directory", store + "x", "select 1").returncode == 2


def test_a_wrong_statement_has_a_caret_under_the_place(store):
    done = logsrv("sql", "--directory", store, "select\nstatus frm x logs")
    assert done.returncode == 2
    assert done.stdout == b""
    said = done.stderr.decode().splitlines()
    assert said[0].startswith("logsrv sql: syntax error at or near")
    assert said[1] == "  select status frm x logs"
    assert said[2].strip() == "^"
    assert len(said) == 3


def test_what_the_answer_does_not_show_is_said(store):
    done = logsrv("sql", "--directory", store, "select staus from logs")
    assert done.stderr == b"logsrv sql: no line that was read has a field staus\n"
    assert done.returncode == 0


def test_stats_says_how_much_a_statement_read(store):
    done = logsrv(
        "sql", "--directory", store, "--stats", "select 1 from logs where time < '2020-01-01'"
    )
    assert b"segments: 0 read, 2 skipped" in done.stderr


def test_control_characters_are_escaped_in_a_table(store):
    done = logsrv(
        "sql", "--directory", store, "select note, chr(27) from logs where note is not null"
    )
    assert b"\x1b" not in done.stdout
    assert b"\\x07bell" in done.stdout


@pytest.mark.slow
def test_nothing_stays_on_the_disk_when_it_is_terminated(store, tmp_path):
    room = tmp_path / "tmp"
    room.mkdir()
    endless = "select count(*) from range(1000000000000) where range % 3 = 7"
    with subprocess.Popen(
        [*LOGSRV, "sql", "--directory", store, endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(room)},
    ) as process:
        wait_until(lambda: list(room.glob("logsrv-sql-*")), "there is a directory")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == -signal.SIGTERM
    assert list(room.iterdir()) == []


def test_duckdb_is_loaded_by_this_command_only():
    script = "import sys, logsrv.linelog.sql.sql_command; print({'duckdb', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], timeout=PATIENCE) == b"set()\n"


@pytest.mark.parametrize("package", ["duckdb", "pyarrow"])
def test_without_the_extra_packages_it_says_what_to_install(package, store):
    script = (
        f"import sys; sys.modules[{package!r}] = None; "
        "from logsrv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", script, "sql", "--directory", store, "select 1"]
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(
        b"logsrv sql: SQL needs DuckDB and PyArrow, which are not installed"
    )


def test_a_value_that_is_too_large_is_said(store):
    """It took ten gigabytes, and minutes in which no signal was heard."""
    for statement in ("select repeat('x', 2000000000)", "select md5(repeat('x', 1900000000))"):
        answer = logsrv("sql", statement, "--directory", store)
        assert answer.returncode == 2 and answer.stdout == b""
        assert b"more memory than a statement may take" in answer.stderr
