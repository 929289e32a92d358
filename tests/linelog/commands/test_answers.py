"""Answers in columns in a terminal: what stages and options print, and what is wrong with them."""

import csv
import io
import json
from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.linelog.commands import answers
from logsrv.linelog.read.figures import frequent_keys, kept_values
from logsrv.linelog.read.tables.text_table import named_value
from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store

MESSAGES = [
    *(f'{{"app": "shop", "status": {200 + 100 * (n % 3)}, "ms": {n}}}' for n in range(30)),
    "cron ran, took 40 ms",
    "cron ran, took 1500 ms",
    'odd "quoted", comma\x1b[2J',
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [line(text, second * 10) for second, text in enumerate(MESSAGES)]
    return make_store(tmp_path_factory.mktemp("answers") / "logs", [lines[:20], lines[20:]])


def test_the_hosts_that_stopped_are_one_line(store):
    query = '| max time, count_distinct ms by app | where time < "2026-11-20T06:05:00Z"'
    shown, _ = search(store, query, "--output", "csv", "--utc")
    assert list(csv.reader(io.StringIO(shown))) == [
        ["app", "max_time", "count_distinct_ms"],
        ["shop", "2026-11-20T06:04:50.000000Z", "30"],
    ]
    options = ("--max=time", "--count-distinct=ms", "--by=app", "--output=csv", "--local")
    shown, _ = search(store, "app=shop", *options)
    assert "shop" in shown
    assert "Z" not in shown
    assert search(store, "| max time | where time > now - 10m", status=1) == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        ("app=shop | count by status compare 50s",),
        ("app=shop", "--count", "--by=status", "--compare=50s"),
    ],
)
def test_figures_stand_beside_earlier_ones(store, words):
    since = ("--since", "2026-11-20T06:00:30Z", "--until", "2026-11-20T06:01:30Z")
    shown, said = search(store, *words, *since, "--utc")
    assert shown.splitlines() == [
        "status  count  count_before  count_change",
        "──────  ─────  ────────────  ────────────",
        "200         2             2             0",
        "300         2             1             1",
        "400         2             1             1",
    ]
    missing = "from 2026-11-20T05:59:40.000000Z to 2026-11-20T06:00:00.000000Z"
    assert said == f"logsrv search: the store has no lines of the earlier time {missing}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("| count compare 1d",), "compare needs a range of time"),
        (("--count", "--compare", "1x"), "--compare: 1x is not a step of time"),
        (
            ("--count", "--every", "1h", "--compare", "90m"),
            "--compare: the time after compare must be",
        ),
        (("--compare", "1d"), "--compare compares figures"),
        (("--histogram", "--compare", "1d"), "--compare compares figures"),
        (("--sort", "ms", "--compare", "1d"), "figures, --by and --every make a table"),
    ],
)
def test_what_is_wrong_with_a_comparison(store, words, sentence):
    assert sentence in search(store, *words, status=2)[1]


def test_a_lower_bound_is_marked(store, monkeypatch, capsys):
    for module in (answers, kept_values):
        monkeypatch.setattr(module, "MOST_DISTINCT", 20)
    words = ("search", "--directory", str(store), "| count_distinct ms, count by app")
    assert main([*words]) == 0
    shown = capsys.readouterr()
    assert "shop                 ≥ 20     30" in shown.out
    assert "count_distinct_ms counts up to 20 values of a group" in shown.err
    assert main([*words, "--output", "json"]) == 0
    assert '"count_distinct_ms":20,' in capsys.readouterr().out


def search(store: Path, *words: str, status: int = 0) -> tuple[str, str]:
    done = logsrv("search", "--directory", str(store), *words)
    assert done.returncode == status, done.stderr
    return done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "words",
    [
        ("app=shop | count, avg ms by status",),
        ("app=shop", "--count", "--avg", "ms", "--by", "status"),
    ],
)
def test_a_stage_and_options_make_the_same_table(store, words):
    shown, said = search(store, *words)
    assert shown.splitlines() == [
        "status  count   avg_ms",
        "──────  ─────  ───────",
        "200        10  13.5 ms",
        "300        10  14.5 ms",
        "400        10  15.5 ms",
    ]
    assert not said
    rows = [json.loads(row) for row in search(store, *words, "--output", "json")[0].splitlines()]
    assert rows[1] == {"status": "300", "count": 10, "avg_ms": 14.5}
    assert (
        search(store, *words, "--output", "csv", "-n", "1")[0]
        == "status,count,avg_ms\n200,10,13.5\n"
    )


def test_the_slowest_and_the_fastest_lines(store):
    extract = 'cron | extract "took <n> ms"'
    assert search(store, f"{extract} | sort n", "--output", "raw")[0].splitlines() == [
        "cron ran, took 1500 ms",
        "cron ran, took 40 ms",
    ]
    fastest = search(store, "--sort", "ms", "--reverse", "-n", "1", "--output", "json")[0]
    assert json.loads(fastest)["fields"]["ms"] == 0
    assert len(search(store, "--sort", "ms")[0].splitlines()) == 10
    assert json.loads(search(store, f"{extract} | where n>1000", "--output", "json")[0])[
        "fields"
    ] == {"n": "1500"}


def test_the_most_frequent_values_of_an_extracted_field_also_as_csv(store):
    query = '| extract "took <n> ms"'
    assert search(store, query, "--top", "n")[0].split() == ["1", "1500", "1", "40"]
    assert search(store, query, "--top", "n", "--output", "csv")[0] == "n,count\n1500,1\n40,1\n"


def test_a_value_cannot_drive_the_terminal(store):
    assert r"\x1b[2J" in search(store, "odd", "--top", "message")[0]
    [row] = search(store, "odd", "--top", "message", "--output", "json")[0].splitlines()
    assert json.loads(row) == {"value": MESSAGES[-1], "count": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--top", "ms"), "rare ones were forgotten: a count may lack up to"),
        (("--count", "--by", "ms"), "those with few lines were forgotten"),
    ],
)
def test_it_is_told_where_a_count_is_a_bound(words, sentence, store, monkeypatch, capsys):
    monkeypatch.setattr(frequent_keys, "MOST_KEYS", 3)
    assert main(["search", "--directory", str(store), *words]) == 0
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_histogram_by_a_field_has_a_column_for_each_value(store):
    shown = search(store, "app=shop", "--histogram", "--every", "1m", "--by", "status")[0]
    table = [row.split() for row in shown.splitlines()]
    assert table[0] == ["time", "count", "200", "300", "400"]
    assert table[2] == ["2026-11-20T06:00:00Z", "6", "2", "2", "2"]
    rows = search(store, "app=shop | count every 1m by status", "--output", "csv")[0]
    assert rows.splitlines()[1] == "2026-11-20T06:00:00.000000Z,200,2"


def test_csv_of_lines_is_read_back_as_it_was_stored(store):
    rows = list(
        csv.DictReader(io.StringIO(search(store, '| extract "took <n> ms"', "--output", "csv")[0]))
    )
    assert [row["message"] for row in rows] == MESSAGES
    assert rows[31]["n"] == "1500"
    assert rows[0]["n"] == ""
    assert set(rows[0]) == {"position", "time", "source", "level", "message", "n"}


def test_csv_has_the_chosen_columns(store):
    as_csv = ("--output", "csv", "--columns", "ms,status_class,nosuch", "-n", "1")
    assert search(store, "ms=7", *as_csv)[0] == "ms,status_class,nosuch\n7,3xx,\n"
    assert search(store, "| sort ms", *as_csv)[0].splitlines()[1] == "29,4xx,"


def test_of_two_limits_the_smaller_holds(store):
    for words in (("app=shop | limit 2", "-n", "5"), ("app=shop | limit 5", "-n", "2")):
        assert len(search(store, *words)[0].splitlines()) == 2
        assert search(store, *words, "-c")[0] == "2\n"
        assert len(search(store, *words, "--top", "ms")[0].splitlines()) == 2
        assert len(search(store, *words, "--sort", "ms")[0].splitlines()) == 2
        assert len(search(store, *words, "--count", "--by", "ms")[0].splitlines()) == 4


def test_statuses_are_counted_by_class(store):
    counts = ["2xx", "10", "3xx", "10", "4xx", "10"]
    assert search(store, "app=shop | count by status_class")[0].split()[4:] == counts
    assert search(store, "--top", "status_class")[0].split()[1::2] == counts[::2]
    assert search(store, "status_class=4xx", "-c")[0] == "10\n"


def test_lines_that_match_without_the_field_are_told(store):
    _, said = search(store, "cron | sort nosuch", status=1)
    assert "2 lines match, none has a number in nosuch" in said
    shown, said = search(store, "cron | count by nosuch")
    assert shown.splitlines()[2].split() == ["(none)", "2"]
    assert "2 lines match, none has a field nosuch" in said
    shown, said = search(store, 'frobnicated cron "never said" | count by app', status=1)
    no_words = '"frobnicated" never occurred; "never said" never occurred'
    assert said == f"logsrv search: no line matches; {no_words}\n"
    _, said = search(store, "cron", "--avg", "nosuch")
    assert "2 lines match, none has a number in nosuch" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("a | count", "--sort", "ms"), "a stage after |"),
        (("--sort", "ms", "--sum", "ms"), "--sort shows lines"),
        (("--count", "--by", "position"), "each line has another position"),
        (("--around", f"1:{'9' * 20}"), "--around:"),
        (("a", "--by", "app"), "--by divides counts into groups"),
        (("a", "--every", "5m"), "--every needs --histogram"),
        (("a", "--avg", "ms", "--every", "x"), "x is not a step of time"),
        (("a", "--avg", "ms", "-C", "1"), "no lines are shown in their order"),
        (("a", "--output", "csv", "-C", "1"), "no neighbours"),
        (("a | sort ms", "-n", "20000"), "at most 10,000 lines"),
        (("a", "--top", "x", "--by", "y"), "make a table"),
        (("a", "--columns", "time,app"), "--columns needs --output csv"),
        (("a | count", "--columns", "app", "--output", "csv"), "this answer has its own"),
        (("a", "--top", "b", "--columns", "app", "--output", "csv"), "this answer has its own"),
        (("a", "--columns", "a b", "--output", "csv"), "is not the name of a field"),
        (("a", "--histogram", "-n", "5"), "leave out -n and limit"),
        (("a | limit 5", "--histogram"), "leave out -n and limit"),
    ],
)
def test_what_makes_no_sense_is_refused(store, words, sentence):
    assert sentence in " ".join(search(store, *words, status=2)[1].split())


@pytest.mark.slow
def test_sql_has_extracted_fields_as_columns_and_the_same_figures(store):
    query = 'cron OR app=shop | extract "took <n> ms"'
    for statement, stages in (
        (
            "select count(*), avg(n), max(n) from logs where n > 5",
            "where n>5 | count, avg n, max n",
        ),
        ("select quantile_cont(n, 0.95) from logs", "p95 n"),
        (
            "select status, sum(ms) from logs group by 1 having sum(ms) is not null order by 2 desc",
            "sum ms by status",
        ),
    ):
        done = logsrv(
            "sql", "--directory", str(store), "--query", query, "--output", "csv", statement
        )
        shown = search(store, f"{query} | {stages}", "--output", "csv")[0]
        assert [row.split(",") for row in shown.splitlines()[1:]] == [
            row.split(",") for row in done.stdout.decode().splitlines()[1:]
        ], done.stderr
    done = logsrv("sql", "--directory", str(store), "--query", "a | count", "select 1")
    assert b"--query takes lines as they come" in done.stderr
    assert done.returncode == 2


def test_a_value_that_looks_like_a_missing_one_is_quoted():
    values = (None, "(none)", '"(none)"', "shop")
    assert [named_value(one) for one in values] == [
        "(none)",
        '"(none)"',
        r'"\"(none)\""',
        "shop",
    ]
