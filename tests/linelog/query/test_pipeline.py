"""Stages behind a query: what each means, and what is wrong with others."""

from typing import Any

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_lines, parse_question
from logsrv.linelog.query.question import (
    EVERYTHING,
    And,
    Compare,
    Extracted,
    Extraction,
    HasField,
    Regex,
    Term,
)
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.stages.patterns import PatternCounts
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.steps.step_words import AUTO
from logsrv.linelog.steps.steps import MONTH, Steps

COUNT = Figure("count")


def table(*words: Any) -> Figures:
    return Figures(Grouping(*words))


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("a | sort ms", Sorting("ms")),
        ("a | sort ms desc", Sorting("ms")),
        ("a | sort http.took asc", Sorting("http.took", ascending=True)),
        ("a | count", table((COUNT,))),
        ("a | count by app", table((COUNT,), ("app",))),
        ("a |  count  by app , level", table((COUNT,), ("app", "level"))),
        (
            "a | avg ms,p95 ms , count every 5m by app",
            table((Figure("avg", "ms"), Figure("p95", "ms"), COUNT), ("app",), Steps(300.0)),
        ),
        ("a | count every 2mo", table((COUNT,), (), Steps(2 * MONTH, 2))),
        ("a | count every y by app", table((COUNT,), ("app",), Steps(12 * MONTH, 12))),
        ("a | count every auto", table((COUNT,), (), AUTO)),
        ("a | count by app every 1h", table((COUNT,), ("app",), Steps(3600.0))),
        (
            "a | count by app , level  every 1h | limit 3",
            table((COUNT,), ("app", "level"), Steps(3600.0)),
        ),
        (
            "a | avg ms, count by every every 5m",
            table((Figure("avg", "ms"), COUNT), ("every",), Steps(300.0)),
        ),
        ("a | p95 ms by by every 1d", table((Figure("p95", "ms"),), ("by",), Steps(86400.0))),
        (
            "a | count if (b (c OR level>=error)) as bad, rate 1m if (d)as per_minute by app",
            table(
                (
                    Figure("count", condition=parse("b (c OR level>=error)"), name="bad"),
                    Figure("rate", condition=Term("d"), name="per_minute", per=60.0),
                ),
                ("app",),
            ),
        ),
        (
            "a | rate, avg ms as `by`",
            table((Figure("rate", per=1.0), Figure("avg", "ms", name="by"))),
        ),
        ("a | sort by ms", Sorting("ms")),
        ("a | sort by ms asc", Sorting("ms", ascending=True)),
        ("a | sort asc ms", Sorting("ms", ascending=True)),
        ("a | sort by desc ms", Sorting("ms")),
        ("a | sort by", Sorting("by")),
        ("a | sort by asc", Sorting("by", ascending=True)),
        ("a | patterns", PatternCounts()),
        ("a | patterns since yesterday", PatternCounts("yesterday")),
        ('a | patterns since "2026-11-20 06:00" | limit 5', PatternCounts("2026-11-20 06:00")),
        ("a | patterns by app", PatternCounts("", "app")),
        ("a | patterns by app since today", PatternCounts("today", "app")),
        ("a | count compare 1w", table((COUNT,), (), None, 604800.0)),
        (
            "a | count compare 1d every 5m by app",
            table((COUNT,), ("app",), Steps(300.0), 86400.0),
        ),
        (
            "a | max time, count_distinct user, first a.b, last c by app",
            table(
                (
                    Figure("max", "time"),
                    Figure("count_distinct", "user"),
                    Figure("first", "a.b"),
                    Figure("last", "c"),
                ),
                ("app",),
            ),
        ),
        ("a | sum bytes every 1d", table((Figure("sum", "bytes"),), (), Steps(86400.0))),
    ],
)
def test_the_answer_that_each_stage_asks_for(query, answer):
    assert parse_question(query).answer == answer


def test_stages_of_lines_may_stand_behind_sort():
    wanted = parse_question('a | extract "took <ms> ms" | where ms>5 | sort ms | limit 3')
    assert parse_question('a | sort ms | extract "took <ms> ms" | where ms>5 | limit 3') == wanted


def test_a_bar_is_a_stage_only_between_spaces():
    assert parse_question("a|b").node == Term("a|b")
    assert parse_question('a "|" b').node == And((Term("a"), Term("|"), Term("b")))
    assert parse_question("/a | b/").node == Regex("a | b")
    assert parse_question("path~/a | b/ | count").node == Compare("path", "~", "a | b")
    assert parse_question("| count").node == EVERYTHING
    assert parse_question("a\n|\ncount").node == Term("a")


def test_extracted_names_are_fields_from_there_on():
    found = parse_question('a ms=1 | extract "took <ms> ms of <_> by <user>" | where ms>5 user=* b')
    pattern = r"took\s+(?P<ms>.+?)\s+ms\s+of\s+(?:.+?)\s+by\s+(?P<user>\S+)"
    assert found.extractions == (Extraction(pattern, ("ms", "user")),)
    after = (
        Extracted(pattern, Compare("ms", ">", "5")),
        Extracted(pattern, HasField("user")),
        Term("b"),
    )
    assert found.node == And((And((Term("a"), Compare("ms", "=", "1"))), And(after)))
    assert found.names == ("ms", "user")


def test_named_groups_of_an_expression_are_fields_too():
    found = parse_question(r"/took (?P<ms>\d+) of (?P<of>\d+)/ ms>5 OR of<9")
    assert found.extractions == (Extraction(r"took (?P<ms>\d+) of (?P<of>\d+)", ("ms", "of")),)
    assert parse_question("/(?P<severity>x)/ severity>=banana").answer is None


@pytest.mark.parametrize(
    ("query", "at", "sentence"),
    [
        ("a |", 4, "| needs a stage after it"),
        ("a | | count", 5, "| needs a stage after it"),
        ("a | grip b", 5, "grip is no stage of a query"),
        ("a | median ms", 5, "median is no stage here: write p50 FIELD"),
        ("a | p90 ms", 5, "p90 is no stage here: write p95 FIELD"),
        ("a | p75 ms", 5, "p75 is no stage here: write p95 FIELD"),
        ("a | p999 ms", 5, "p999 is no stage here: write p99 FIELD"),
        ("a | stats count", 5, "write count by FIELD"),
        ("a | cuont", 5, "count"),
        ("a | countx", 5, "countx is no stage"),
        ("a | count by position", 22, "each line has another position"),
        ("a | sort", 9, "sort needs a field"),
        ("a | sort ms up", 13, "up is one word too many"),
        ("a | avg", 8, "avg needs a field"),
        ("a | count, by app", 12, "after the comma"),
        ("a | count by", 13, "by needs a field"),
        ("a | count by app,", 18, "a field is missing after the comma"),
        ("a | count every x by app", 17, "x is not a step of time"),
        ("a | count every", 16, "is not a step of time"),
        ("a | count by app every 5m every 1m", 27, "every is one word too many"),
        ("a | count by app every 5m by level", 27, "by is one word too many"),
        ("a | sort by ms up", 16, "up is one word too many"),
        ("a | sort asc ms desc", 17, "desc is one word too many"),
        ("a | sort ms | count", 15, "only limit may follow"),
        ("a | count_distinct", 19, "count_distinct needs a field, such as count_distinct user"),
        ("a | first by app", 14, "app is one word too many"),
        ("a | avg time", 9, "time has no avg; it has min or max"),
        ("a | last position", 10, "position has no last"),
        ("a | uniq user", 5, "write count_distinct FIELD"),
        ("a | compare 1d", 5, "write count compare 1d"),
        ("a | count compare", 18, "is not a step of time"),
        ("a | count compare -1d", 19, "-1d is not a step of time"),
        ("a | count every 1h compare 30m", 28, "multiple of the time after every"),
        ("a | sort ms compare 1d", 13, "compare is one word too many"),
        ("a | limit", 10, "limit needs a number"),
        ("a | limit 9999999999999", 11, "at most 12 digits"),
        ("a | limit 3 | count", 15, "only limit may follow"),
        ("a | count | count", 13, "only let, sort, where and, at the end, limit"),
        ("a | extract ms", 13, "extract needs a text with names"),
        ('a | extract "took ms"', 14, "no <name> stands in"),
        ('a | extract "<a><b>"', 14, "nothing stands between <a> and <b>"),
        ("a | extract /took/", 13, "there is no name in this"),
        ("a | extract /(/", 14, "regular expression is wrong"),
        ('a | extract "<level>"', 14, "every line has a field level already"),
        ('/(?P<x>.)/ | extract "<x>"', 23, "the name x is given twice"),
        ('a | extract "<x>', 13, "extract needs a text with names"),
        ("(a | count)", 1, "never closed"),
        ("a OR | count", 3, "OR needs a condition after it"),
        ("a | count" + " | count" * 30, 13, "only let"),
        ("a | count if b", 14, "if needs a query in brackets"),
        ("a | count if (b", 14, "this ( is never closed"),
        ("a | count if ((b)", 14, "this ( is never closed"),
        ("a | count if (b | count", 14, "this ( is never closed"),
        ("a | count if (b))", 17, ") is one word too many"),
        ("a | count if ()", 14, "no condition in these brackets"),
        ("a | count if (b OR)", 17, "OR needs a condition after it"),
        ("a | count if (level>=banana)", 22, "banana is not a level"),
        ("a | count as", 13, "as needs a name"),
        ("a | count as by app", 14, "as needs a name"),
        ("a | count as n, avg ms as n", 5, "there is a column n already"),
        ("a | count, avg ms as count", 5, "there is a column count already"),
        ("a | count as time every 1h", 5, "there is a column time already"),
        ("a | count as app by app", 5, "there is a column app already"),
        ("a | count, rate as count_change compare 1d", 5, "a column count_change already"),
        ("a | rate 0s", 10, "0s is one word too many"),
        ("| " + ", ".join(f"count if (a{n})" for n in range(11)), 167, "10 different conditions"),
        ("a | let n = 1", 5, "let needs figures before it: count"),
        ("a | sort ms | let n = ms", 15, "only limit may follow"),
        ("a" + " | where a" * 30, 203, "20 stages"),
        ("| " + ", ".join(["count"] * 21), 148, "20 figures"),
        ("| count by " + ",".join("abcdefghijk"), 33, "10 fields"),
    ],
)
def test_what_is_wrong_and_where(query, at, sentence):
    with pytest.raises(QueryError) as error:
        parse_question(query)
    assert sentence in error.value.sentence
    assert error.value.at == at


def test_where_only_lines_are_taken_figures_are_refused():
    assert parse_lines('a | extract "x <n>" | where n>1', "an alert").names == ("n",)
    with pytest.raises(QueryError, match="an alert takes lines as they come"):
        parse_lines("a | count", "an alert")
    with pytest.raises(QueryError, match="on the page press p"):
        parse_lines("a | patterns", "a live view")
    with pytest.raises(QueryError, match="only a search takes a stage"):
        parse("a | where b")
