"""`logsrv search --patterns` as its user meets it."""

import csv
import json
from pathlib import Path

import pytest

from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    lines = [line(f"<38>Nov 20 06:18:42 web1 sshd[7]: user {n} gone", n) for n in range(9)]
    lines += [line("\x1b[2J <quoted> forged", 9), line("full 7", 10)]
    return make_store(tmp_path / "logs", [lines[:5], lines[5:]])


def search(store: Path, *words: str, status: int = 0) -> str:
    done = logsrv("search", "--directory", str(store), *words)
    assert (done.stderr, done.returncode) == (b"", status)
    return done.stdout.decode()


def test_a_row_for_each_pattern(store):
    rows = [line.split() for line in search(store, "--patterns").splitlines()]
    assert rows[0] == ["count", "share", "app", "level", "first", "position", "pattern"]
    assert rows[2] == [
        *(
            "9",
            "81.8",
            "%",
            "sshd",
            "info",
            "2026-11-20T06:00:00Z",
            "1:0",
            "user",
            "<n>",
            "gone",
        ),
    ]
    assert "\x1b" not in search(store, "--patterns")


def test_new_ones_as_objects_and_by_the_same_words_as_a_stage(store):
    words = ("--patterns", "--new-since", "2026-11-20T06:00:10Z", "--output", "json")
    [row] = search(store, *words).splitlines()
    assert json.loads(row) == {
        "count": 1,
        "share": 1.0,
        "app": "",
        "level": "",
        "first": "2026-11-20T06:00:10.000000Z",
        "position": json.loads(row)["position"],
        "pattern": "full <n>",
    }
    stage = '| patterns since "2026-11-20 06:00:10Z" | limit 5'
    assert search(store, stage, "--output", "json").splitlines() == [row]
    assert search(store, "gone | where app=ssh | patterns", status=1) == ""


def test_as_csv(store):
    rows = list(csv.reader(search(store, "--patterns", "--output", "csv", "-n", "1").splitlines()))
    assert rows[1] == [
        *("9", "0.818182", "sshd", "info", "2026-11-20T06:00:00.000000Z", "1:0"),
        "user <n> gone",
    ]


def test_each_value_of_a_field_has_its_patterns(tmp_path):
    lines = [line(f'{{"msg": "took {n}", "host_": "web{n % 3}"}}', n) for n in range(6)]
    made = make_store(tmp_path / "logs", [lines, [line("took 7", 7)]])
    for words in (("| patterns by host_",), ("--patterns", "--by", "host_")):
        shown = search(made, *words, "--output", "csv")
        assert [row.split(",")[:2] for row in shown.splitlines()] == [
            ["value", "count"],
            *(["web0", "2"], ["web1", "2"], ["web2", "2"], ["", "1"]),
        ]
    query = '| extract "took <n>" | patterns by n'
    assert '{"value":"7","count":1,' in search(made, query, "--output", "json")
    assert "(none)      1" in search(made, "| patterns by host_")


def test_more_patterns_than_are_shown_are_mentioned(store, tmp_path):
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = make_store(tmp_path / "many", [[line(" ".join(letters[:n])) for n in range(1, 25)]])
    done = logsrv("search", "--directory", str(many), "--patterns")
    assert done.stderr == b"logsrv search: 4 patterns more; -n shows more of them\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--new-since", "today"), "--new-since needs --patterns"),
        (("--patterns", "--new-since", "soon"), "--new-since: soon is not a time"),
        (
            ("--patterns", "--since", "today", "--new-since", "yesterday"),
            "--since must be before --new-since, otherwise all patterns are new",
        ),
        (
            ("--since", "today", "| patterns since yesterday"),
            "--since must be before patterns since, otherwise all patterns are new",
        ),
        (("--patterns", "-c"), "not allowed with argument"),
        (("--patterns", "-C", "3"), "-A, -B and -C show neighbours of lines"),
        (("--patterns", "--by", "app,pid"), "--patterns makes its own table"),
        (("--patterns", "--avg", "ms"), "--patterns makes its own table"),
        (("--patterns", "a | count"), "the query already has a stage after |"),
        (("a | patterns since soon",), "since: soon is not a time"),
        (("a | patterns by",), "by needs a field"),
        (("a | patterns by app, pid",), "patterns are by one field"),
    ],
)
def test_a_wrong_command_line_is_explained(store, words, sentence):
    done = logsrv("search", "--directory", str(store), *words)
    assert sentence in done.stderr.decode()
    assert done.returncode == 2
