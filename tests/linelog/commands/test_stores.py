"""`-d a -d b`: one question over several stores, as its user meets it."""

import json
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.commands.stores import open_view, several_stores
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.stores import line, make_store
from tests.parts.waits import line_of

A = [line(f"level=error a={number} ms={number % 4}", 2 * number) for number in range(40)]
B = [line(f"level=info b={number} ms={number % 5}", 2 * number + 1) for number in range(40)]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the stores a and b, and one with all their lines."""
    every = sorted(A + B)
    make_store(tmp_path / "a", [A[:20], A[20:]])
    make_store(tmp_path / "b", [B[:10], B[10:30], B[30:]])
    make_store(tmp_path / "all", [every[:50], every[50:]])
    return tmp_path


def asked(here: Path, command: str, *words: str, status: int = 0) -> str:
    done = logsrv(command, "-d", "a", "-d", "b", *words, directory=here)
    assert (done.stderr, done.returncode) == (b"", status)
    return done.stdout.decode()


def refused(here: Path, *words: str) -> str:
    done = logsrv(*words, directory=here)
    assert (done.stdout, done.returncode) == (b"", 2)
    return done.stderr.decode()


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-n 5",
        "-n 5 --reverse b=*",
        "--since 2026-11-20T06:00:10Z --until 2026-11-20T06:00:20Z",
        "--around 2026-11-20T06:00:30Z",
        "--output raw",
        "-c level=error",
        "-c -n 7",
        "--top ms",
        "--histogram --every 10s",
        "--histogram --by level",
        "--sum ms --p99 ms --count --by level",
        "--sort ms -n 6",
        "error | avg ms by a",
    ],
)
def test_several_stores_answer_as_one_with_all_their_lines(here, words):
    query = words.split() if "|" not in words else [words]
    one = logsrv("search", "-d", "all", *query, directory=here)
    assert one.stdout
    assert asked(here, "search", *query) == one.stdout.decode()


def test_tail_shows_the_last_lines_of_all(here):
    assert asked(here, "tail", "-n", "3") == b"".join([B[38], A[39], B[39]]).decode()


def test_sql_has_one_table_of_all(here):
    pytest.importorskip("duckdb")
    statement = "select level, count(*), max(segment) from logs group by 1 order by 1"
    assert asked(here, "sql", statement, "--output", "csv").splitlines()[1:] == [
        "info,40,3",
        "error,40,2",
    ]


def test_json_and_csv_say_the_store_of_a_position(here):
    found = [json.loads(one) for one in asked(here, "search", "--output", "json").splitlines()]
    assert [(one["store"], one["position"]) for one in found[:3]] == [
        ("a", "1:0"),
        ("b", "1:0"),
        ("a", f"1:{len(A[0])}"),
    ]
    assert b"store" not in logsrv("search", "-d", "a", "--output", "json", directory=here).stdout
    rows = asked(here, "search", "--output", "csv", "-n", "2").splitlines()
    assert [row.split(",")[:2] for row in rows] == [
        ["store", "position"],
        ["a", "1:0"],
        ["b", "1:0"],
    ]
    rows = asked(here, "search", "--patterns", "--output", "csv", "ms=1").splitlines()
    assert [row.split(",")[-1] for row in rows] == ["store", "a", "b"]
    assert len(asked(here, "search", "position=1:0").splitlines()) == 2


def test_neighbours_are_of_the_same_store(here):
    found = asked(here, "search", "-C", "1", "a=7", "OR", "b=7", "--output", "raw").splitlines()
    shown = [one.split()[1] for one in found if one != "--"]
    assert shown == ["a=6", "a=7", "a=8", "b=6", "b=7", "b=8"]
    assert found[3] == "--"


def test_a_directory_given_twice_is_read_once(here):
    (here / "link").symlink_to("a")
    for again in ("a", "./a", str(here / "a"), "link"):
        done = logsrv(
            "search", "-d", "a", "-d", again, "-n", "1", "--output", "json", directory=here
        )
        assert b'{"position"' in done.stdout
    assert several_stores(Namespace(directory=["a", "b", "a"])) == ("a", "b")


def test_a_position_alone_does_not_tell_the_store(here):
    both = ("-d", "a", "-d", "b")
    wanted = "a position is of one store"
    assert wanted in refused(here, "show", *both, "1:0")
    assert wanted in refused(here, "search", *both, "--around", "1:0")
    assert wanted in refused(here, "search", *both, "--top", "position")
    assert logsrv("show", "-d", "a", "1:0", directory=here).returncode == 0


def test_one_that_is_no_store_is_named(here):
    (here / "empty").mkdir()
    for command in ("search", "tail"):
        said = refused(here, command, "-d", "a", "-d", "missing")
        assert said == f"logsrv {command}: missing cannot be read: No such file or directory\n"
        assert "empty is no store" in refused(here, command, "-d", "empty", "-d", "b")


def test_damage_is_reported_with_its_store(here):
    [packed] = (here / "a").glob("*.zst")
    packed.write_bytes(b"\0" * packed.stat().st_size)
    for words in ([], ["-c", "ms=*"]):
        done = logsrv("search", "-d", "a", "-d", "b", *words, directory=here)
        assert done.returncode == 2
        assert done.stderr.startswith(b"logsrv search: a/") and b"is damaged" in done.stderr
    assert done.stdout == b"60\n"
    packed.unlink()
    packed.symlink_to("nowhere")
    done = logsrv("search", "-d", "a", "-d", "b", "-c", directory=here)
    assert b"a/" in done.stderr and (done.returncode, done.stdout) == (2, b"60\n")


def test_a_sentence_without_its_store_gets_the_name(here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    with open_view(Namespace(directory=["a", "b"]), "search") as view:
        view.stores[2].report_damage("segment 7 cannot be read")
        view.stores[2].report_damage("b/7 is damaged")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "logsrv search: b: segment 7 cannot be read",
        "logsrv search: b/7 is damaged",
    ]


def test_what_no_line_of_any_store_has_is_said(here):
    done = logsrv("search", "-d", "a", "-d", "b", "mss=3", directory=here)
    assert b"none of the newest 80 lines has a field mss (did you mean ms?)" in done.stderr
    done = logsrv("search", "-d", "b", "-d", "a", "b=77", directory=here)
    assert (done.returncode, done.stderr) == (1, b"")


def test_without_a_name_it_is_the_usual_store(here, monkeypatch, capsys):
    monkeypatch.setenv("LOGSRV_DIRECTORY", str(here / "a"))
    assert main(["search", "-c"]) == 0
    assert capsys.readouterr().out == "40\n"
    monkeypatch.setattr("logsrv.cli.arguments.usual_store", pytest.fail)
    assert main(["search", "-c", "--directory", str(here / "b")]) == 0


@pytest.fixture
def following(here: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [*LOGSRV, "tail", "-f", "-n", "2", "-d", "a", "-d", "b", "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=here,
    )
    yield child
    child.kill()
    child.communicate(timeout=PATIENCE)


def next_line(child: subprocess.Popen[bytes]) -> tuple[str, str]:
    assert child.stdout is not None
    found = json.loads(line_of(child.stdout))
    return found["store"], found["message"].split()[1]


def test_tail_follows_all_of_them(here, following):
    assert [next_line(following) for _ in range(2)] == [("a", "a=39"), ("b", "b=39")]
    for number in range(40, 46):
        name = "ab"[number % 2]
        with open(here / name / "current.log", "ab") as file:
            file.write(line(f"new {name}={number} ms=0", 2 * number))
        assert next_line(following) == (name, f"{name}={number}")
    shutil.rmtree(here / "b")
    assert following.wait(PATIENCE) == 2
    assert following.stderr is not None
    assert following.stderr.read() == b"logsrv tail: b was removed\n"
