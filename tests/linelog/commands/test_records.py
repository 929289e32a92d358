"""`--records` and `--fold` of search, tail and show as their user meets them."""

import json
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.linelog.commands.following import Following
from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store

ONE, TWO = "tcp:127.0.0.1:1", "tcp:127.0.0.1:2"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two connections write a trace each at the same time, over the end of a segment."""
    both = [
        line(text, 0, source)
        for text in ("ERROR failed", "\tat first.f", "\tat last.g", "INFO next")
        for source in (ONE, TWO)
    ]
    return make_store(tmp_path / "logs", [both[:3], both[3:]])


def run(store: Path, command: str, *words: str) -> list[str]:
    done = logsrv(command, "--directory", str(store), *words)
    assert done.stderr == b"" and done.returncode == 0
    return [
        text.removeprefix("2026-11-20T06:00:00.000000Z ")
        for text in done.stdout.decode().splitlines()
    ]


WHOLE = ["ERROR failed", "    \tat first.f", "    \tat last.g"]


def test_each_found_line_is_shown_with_its_record_once(store):
    records = [f"{ONE} {WHOLE[0]}", *WHOLE[1:], f"{TWO} {WHOLE[0]}", *WHOLE[1:]]
    assert run(store, "search", "--records", "last.g") == records
    assert run(store, "search", "--records", "at") == records
    assert run(store, "search", "--records", "at", "-n", "1") == records[:3]
    assert run(store, "search", "--records", "at", "-n", "1", "--reverse") == records[3:]
    assert run(store, "search", "-c", "at") == ["4"]
    position = json.loads(run(store, "search", "last.g", "--output", "json")[1])["position"]
    assert run(store, "show", position, "--records") == records[3:]
    assert run(store, "search", "--around", position, "--fold", "at") == [
        f"{ONE} ERROR failed +2", f"{TWO} ERROR failed +2"
    ]  # fmt: skip


def test_records_are_folded_to_a_row(store):
    rows = [f"{source} ERROR failed +2" for source in (ONE, TWO)]
    last = [f"{source} INFO next" for source in (ONE, TWO)]
    assert run(store, "search", "--fold") == rows + last
    assert run(store, "search", "--fold", "--reverse") == (rows + last)[::-1]
    assert run(store, "tail", "--fold", "-n", "3") == [rows[1], *last]
    assert run(store, "tail", "--fold", "--since", "2026-11-20T06:00:00Z") == rows + last


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("search --fold -c", "counts are of single lines"),
        ("search --records --top app", "counts are of single lines"),
        ("search --records --sort ms", "counts are of single lines"),
        ("search --records --patterns", "counts are of single lines"),
        ("search --fold -C 1", "no neighbours"),
        ("search --fold --output csv", "CSV has a row for each line"),
        ("tail --fold --output raw", "use --records"),
        ("show 1:0 --fold -C 1", "give one"),
        ("show 1:0 --fold --records", "not allowed with"),
    ],
)
def test_options_that_do_not_fit_are_refused(store, words, sentence):
    done = logsrv(*words.split(), "--directory", str(store))
    assert done.returncode == 2 and sentence in done.stderr.decode() and done.stdout == b""


def test_a_followed_record_is_shown_when_it_is_complete(store):
    follows = Following(store, "--output", "json", "--records", "new OR next")
    try:
        assert json.loads(follows.line())["message"] == "INFO next"
        assert json.loads(follows.line())["message"] == "INFO next"
        with open(store / "current.log", "ab") as file:
            file.write(line("new", 9, ONE) + line("new", 9, TWO) + line("\tat h", 9, TWO))
            file.write(line("other", 9, ONE))
            file.flush()
            assert json.loads(follows.line())["message"] == "new"
            assert json.loads(follows.line())["message"] == "new\n\tat h"
    finally:
        follows.child.kill()
        follows.child.communicate(timeout=PATIENCE)
