"""Hints beside right queries that are written as in another tool."""

import pytest

from logsrv.linelog.query.hints import foreign_syntax_hints
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from tests.parts.stores import line


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("app==shop", "write app=shop"),
        ("-app==shop", "write -app=shop"),
        ("app=ssh*", "write app:ssh (contains), or app~/^ssh/ (begins with)"),
        ("a app!=*sh*", "write NOT app:sh (contains)"),
        ("-app=ssh*", "write NOT app:ssh (contains), or NOT app~/^ssh/ (begins with)"),
        ("path=/api/*", r"write path:/api/ (contains), or path~/^\/api\// (begins with)"),
        ("host=10.1.*", r"or host~/^10\.1\./ (begins with)"),
        ("host=*.example", r"or host~/\.example$/ (ends with)"),
        ("app=s*d", "write app~/^s.*d$/"),
        ("app=**", "write app=*"),
        ("user!=*", "write NOT user=*"),
        ("-user!=*", "write user=*"),
        ("* error", "leave it out"),
        ("Failed and root", "the operator is AND"),
        ("Failed or root", "the operator is OR"),
        ("a && b", "the operator is AND"),
        ("not root", "the operator is NOT"),
        ('{app="shop"} |= "x"', 'write app=value "a phrase"'),
        ("level = error", "field=value"),
        ("duration>abc", "compares numbers, and abc is not a number"),
        ('NOT (x size>="10Mb")', "10kB, 1.5GiB"),
        ("time>=2026-11-20", "--since and --until"),
        ("host=web2", "hostname=web2"),
        ("error host:web", "hostname:web"),
        ("host!=db", "hostname!=db"),
        ("level=banana", "banana is no level"),
        ("severity=Error", "level=Error"),
        ("level=>error", "write level>=error"),
        ("-took=<5s", "write -took<=5s"),
        ("status>=500 |count by app", "a | stands alone, between spaces: write | count"),
        ("error| p95 ms, count", "write | p95"),
        ("x | where bytes > 1000 | count", "field>value"),
        ("| where NOT level=banana | limit 5", "banana is no level"),
        ("status=5xx", "write status_class=5xx"),
        ("http.status!=4XX", "write NOT status_class=4XX"),
        ("hostname=web1,web2", "write hostname in (web1, web2)"),
        ("app!=a,b.c,d-e", "write NOT app in (a, b.c, d-e)"),
        ("host in (web1, 10.0.0.1)", "hostname=web1"),
        ("count by app", "write | count by app"),
        ("count by app every 1h", "write | count by app every 1h"),
        ("p95 ms every 5m by app", "write | p95 ms every 5m by app"),
        ("avg ms by app, host | limit 5", "write | avg ms by app, host"),
    ],
)
def test_each_foreign_syntax_has_its_hint(query, said):
    parse_question(query)
    assert any(said in hint for hint in foreign_syntax_hints(query)), foreign_syntax_hints(query)


def test_the_filter_of_an_alert_with_a_condition_has_its_hints():
    (hint,) = foreign_syntax_hints("level=banana | count > 1 in 5m")
    assert "banana is no level" in hint


@pytest.mark.parametrize(
    "query",
    [
        "",
        "and",
        '"Failed and root"',
        '"and" x "or"',
        "a AND NOT b OR c",
        "user=*",
        "-user=*",
        'user="a*"',
        "/a and b|c*/ x",
        "status_class=5xx",
        "bytes=1,234",
        'name="Doe, Ann"',
        "status in (500, 502)",
        "path~/a and b/ x",
        r'msg="a == b" x',
        "http://x?a==b 10.0.0.1:8080",
        "q=a==b",
        "- --x ->",
        "duration>1s size<=10MiB status>=500 level>=warn took>-1.5e3",
        "host=10.0.0.1 host:cafe host=::1 hostname=web2 level=Warn",
        "severity=err severity>=warning",
        "count",
        "sort order",
        "count by",
        '"count" by app',
        "error count by app",
        "from=<root@example.com>",
        'x | extract "a > <severity> | where b > c" | where severity=error',
        "a|b /x|count/",
    ],
)
def test_a_query_that_means_what_it_says_has_no_hint(query):
    parse_question(query)
    assert foreign_syntax_hints(query) == []


def test_a_comparison_with_turned_signs_has_one_hint():
    assert (
        len(foreign_syntax_hints("level=>error")) == len(foreign_syntax_hints("level==error")) == 1
    )


@pytest.mark.parametrize(
    ("written", "value", "other"),
    [
        ("/api/*", "/api/v1", "/v1/api/"),
        ("10.1.*", "10.1.2.3", "10.12.0.1"),
        ("*.example", "a.example", "a.example.org"),
        ("a+b*c", "a+bxc", "aab.c"),
    ],
)
def test_the_suggested_query_finds_what_was_meant(written, value, other):
    (hint,) = foreign_syntax_hints(f"f={written}")
    matcher = make_matcher(parse(next(word for word in hint.split() if word.startswith("f~"))))
    assert matcher.matches(line(f'{{"f": "{value}"}}'))
    assert not matcher.matches(line(f'{{"f": "{other}"}}'))
