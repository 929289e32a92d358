"""Statements put to a store."""

import gc
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.answer import SqlAnswer
from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.rows import StoreReading, TableRows
from tests.parts.sql_answers import indexed, rows
from tests.parts.stores import line, lines, make_store, view_of

pytestmark = pytest.mark.usefixtures("both_ways")

MESSAGES = [
    "connection from 10.0.0.7 opened",
    '{"level": "error", "msg": "Timeout talking to db", "status": 503, "ms": 12.5, "http": {"code": 5}}',
    '10.1.2.3 - alice [20/Nov/2026:06:00:02 +0000] "GET /api/users?id=7 HTTP/1.1" 200 512 "-" "curl/8"',
    "<11>1 2026-11-20T06:00:03Z web1 sshd 77 - - Failed password for root",
    "level=warning user=bob status=404 took=12ms",
    "the end",
]


@pytest.fixture
def view(tmp_path: Path) -> View:
    every = lines(MESSAGES)
    return view_of(make_store(tmp_path / "logs", [every[:3], every[3:5], every[5:]]))


def values(view: View, statement: str) -> list[Any]:
    """The first column of an answer."""
    return [next(iter(row.values())) for row in rows(view, statement)]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("select count(*) from logs", [6]),
        ("select status from logs where status >= 400 order by status desc", [503, 404]),
        ("select avg(status) from logs", [369.0]),
        ("select ms from logs where ms is not null", [12.5]),
        ('select "http.code" from logs where "http.code" = 5', [5]),
        ('select "user" from logs where user is not null order by 1', ["alice", "bob"]),
        ("select message from logs where level in ('warning', 'alert')", [MESSAGES[4]]),
        ("select fields->>'app' from logs where contains(message, 'root')", ["sshd"]),
        ("with e as (select * from logs where level = 'error') select count(*) from e", [2]),
        ("select segment || ':' || \"offset\" from logs where message = 'the end'", ["3:0"]),
        ("select count(*) from logs a join logs b using (host)", [36]),
        ("select date_trunc('minute', time) as minute from logs group by minute limit 9", None),
        ("select took from logs where took like '%ms'", ["12ms"]),
        ("select avg(took) from logs", [0.012]),
        ("select took::double from logs where took < 1", [0.012]),
        ("select message from logs where took + 0 = 0.012", [MESSAGES[4]]),
        ("select message from logs where took = 0.012", [MESSAGES[4]]),
        (
            "select message from logs where time between '2026-11-20 06:00:05' and 'infinity'",
            ["the end"],
        ),
    ],
)
def test_each_statement_has_its_answer(view, statement, found):
    if found is None:
        assert len(values(view, statement)) == 1
    else:
        assert values(view, statement) == found


@pytest.mark.parametrize(
    ("statement", "sentence", "at"),
    [
        ("selec 1", 'syntax error at or near "selec"', 1),
        ("select 'é', frm from from logs", "syntax error", 22),
        ("select avg(message) from logs", "No function matches", 8),
        ("drop table logs", "DROP is not possible here", 0),
        ("select 1; select 2", "more than one statement", 11),
        ("copy logs to '/tmp/x'", "COPY is not possible here", 0),
        ("attach '/tmp/x'", "ATTACH is not possible here", 0),
        ("select * from read_text('/etc/passwd')", "disabled by configuration", 15),
        ("select * from '/etc/passwd'", "there is no table /etc/passwd", 15),
        ("set threads = 4", "SET is not possible here", 0),
        ("", "there is no statement", 0),
        ("select http.code from logs", "double quotes", 8),
        ("select offset from logs", '"offset"', 15),
    ],
)
def test_wrong_statements_say_what_and_where(view, statement, sentence, at):
    with pytest.raises(QueryError) as caught:
        rows(view, statement)
    assert sentence in caught.value.sentence
    assert "\n" not in caught.value.sentence
    if at:
        assert abs(caught.value.at - at) <= 5


def of(tmp_path: Path, messages: list[str]) -> View:
    return view_of(make_store(tmp_path / "logs", [[line("first=1 second=2")], lines(messages, 1)]))


def test_a_fraction_among_integers_is_not_lost(tmp_path):
    """The sample has integers only; the column becomes one of fractions when the first of them comes."""
    messages = [f"n={number} x=y" for number in range(2000)]
    messages[1501] = "n=0.5 x=y"
    view = of(tmp_path, messages)
    assert values(view, "select sum(n) from logs") == [sum(range(2000)) - 1501 + 0.5]


@pytest.mark.slow
def test_a_text_among_numbers_makes_texts_of_all_or_is_null(tmp_path):
    messages = [f"n={number} x=y" for number in range(2000)]
    messages[1501] = "n=none x=y"
    view = of(tmp_path, messages)
    assert values(view, "select count(distinct n) from logs") == [2000]
    answer = SqlAnswer("select max(n) as n from logs where n >= 0", StoreReading(view, processes=1))
    assert [batch.to_pylist() for batch in answer.batches()] == [[{"n": 1999}]]
    assert answer.fields == {"n": ColumnType.INTEGER}
    answer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        (["2s"], "sum(n + 0)", 449, 2),
        (["500ms"], "sum(n + 0)", 449, 0.5),
        (["none", "2s"], "sum(n + 0)", 448, 2),
        (["none", "0.5"], "sum(n + 0)", 448, 0.5),
        (["none"], ["0.5"], "sum(n + 0)", 898, 0.5),
        (["none"], ["none", "1m30s"], "avg(n) * count(n + 0)", 897, 90),
        (["0.5"], ["none"], ["2s"], "sum(n + 0)", 1347, 2.5),
        (["none", "none"], "sum(n + 0)", 448, 0),
        (["none", "2s"], "sum(n & 1)", 448, 0),
        (["none"], ["0.5"], "sum(n & 1)", 898, 0),
        (["2s"], "count(n)", 449, 1),
        (["none"], ["2s"], "count(distinct n)", 0, 3),
    ],
)
def test_a_number_that_the_sample_lacks_counts_beside_texts(tmp_path, case):
    """The sample has integers only. Later values may be in one piece of the text, or in several."""
    *pieces, figure, ones, more = case
    segments = []
    for number, late in enumerate(pieces):
        messages = ["n=1 x=y"] * 450
        for index, value in enumerate(late):
            messages[301 + 15 * index] = f"n={value} x=y"
        segments.append(lines(messages, 10_000 * number))
    view = view_of(make_store(tmp_path / "logs", segments))
    assert values(view, f"select {figure} from logs") == [ones + more]
    if "sum" in figure:
        assert values(view, "select n from logs where n not in ('1', 'none')") == [
            one for late in pieces for one in late if one != "none"
        ]


@pytest.mark.slow
def test_values_that_fit_no_more_are_null_and_counted(tmp_path):
    messages = [f"n={number} x=y" for number in range(120000)]
    messages[110002] = "n=none x=y"
    answer = SqlAnswer("select n from logs", StoreReading(of(tmp_path, messages), processes=1))
    found = [value for batch in answer.batches() for value in batch.column(0).to_pylist()]
    assert found == [None, *range(110002), None, *range(110003, 120000)]
    assert answer.rows is not None
    assert answer.rows.missing == {"n": 1}
    answer.close()


@pytest.mark.slow
def test_a_statement_that_is_run_again_leaves_nothing_of_the_run_before(tmp_path):
    """Each field whose later values fit no more is another run, with threads and memory of DuckDB."""
    names = "abcdef"
    first = [" ".join(f"{name}=1" for name in names)] * 3000
    later = [" ".join(f"{name}={name}" for name in names[:known]) for known in range(1, 7)]
    every = " + ".join(f"count({name} || 'x')" for name in names)
    reading = StoreReading(of(tmp_path, first + later), processes=1)
    answer = SqlAnswer(f"select {every} from logs", reading)
    runs, there = 0, WeakSet[TableRows]()

    def note_run() -> None:
        nonlocal runs
        assert answer.rows is not None
        runs += answer.rows not in there
        there.add(answer.rows)

    answer.on_frame = note_run
    assert [batch.num_rows for batch in answer.batches()] == [1]
    gc.collect()
    assert runs > len(names) and [*there] == [answer.rows]
    answer.close()


@pytest.mark.slow
def test_a_statement_reads_no_more_than_it_asks_for(tmp_path):
    segments = [
        lines([f"number {n} of x{n % 7}" for n in range(2000)], 10000 * part) for part in range(4)
    ]
    view = indexed(make_store(tmp_path / "logs", segments))
    for condition in (
        "time >= '2026-11-20 11:00:00' and time < '2026-11-20 12:00:00'",
        "message like '%wombat%'",
        "message ilike '%WOMBAT%'",
        "contains(lower(message), 'wombat')",
        "contains(message, 'wombat') or level = 'error' and message like '%quokka%'",
    ):
        answer = SqlAnswer(
            f"select count(*) from logs where {condition}", StoreReading(view), utc=True
        )
        list(answer.batches())
        assert answer.rows is not None
        # The active segment has no word index.
        assert answer.rows.stats.segments == 1, condition
        assert answer.rows.stats.skipped_segments == 3
        answer.close()


@pytest.mark.slow
def test_very_many_alternatives_change_no_answer(view):
    """They are looked for by one condition each, and DuckDB tests them all."""
    many = " or ".join(f"(status > {n} and status = {n + 1})" for n in range(390, 420))
    statement = f"select message from logs where {many}"
    found = rows(view, statement)
    assert found == rows(view, statement, pushed=False) != []


@pytest.mark.parametrize(
    ("op", "count"), [("=", 1), ("<", 2), ("<=", 3), (">", 3), (">=", 4), ("<>", 5)]
)
def test_the_moment_itself_belongs_to_the_side_that_sql_says(view, op, count):
    assert values(view, f"select count(*) from logs where time {op} '2026-11-20 06:00:02'") == [
        count
    ]


def test_a_signal_as_the_directory_is_made_leaves_none(view, tmp_path, monkeypatch):
    room, real = tmp_path / "tmp", os.mkdir
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))

    def interrupted(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SqlAnswer("select 1", StoreReading(view, processes=1))
    assert not list(room.iterdir())


ODD = [
    "Request Path", "kubernetes.labels.app.kubernetes.io/name", "größe", "漢字", "a`b", 'say "hi"',
    "back\\slash", "a\nb", "a,b", "5xx", "select", "\u00a0", "a\u2028b", "'", ";--", "\U0001f600",
]  # fmt: skip


@pytest.mark.slow
def test_a_field_with_an_odd_name_is_a_column(tmp_path):
    message = json.dumps({name: f"v{number}" for number, name in enumerate(ODD)})
    view = view_of(make_store(tmp_path / "logs", [lines([message, "x"])]))
    for number, name in enumerate(ODD):
        column = '"{}"'.format(name.replace('"', '""'))
        statement = f"select {column} from logs where {column} = 'v{number}' group by {column}"
        assert values(view, statement) == [f"v{number}"], name
    with pytest.raises(QueryError):
        values(view, 'select "a\0b" from logs')
