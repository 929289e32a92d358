"""The examples of docs/query.md."""

import re
from pathlib import Path

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.query.caret import error_with_caret
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.times import parse_moment

PAGE = (Path(__file__).parent.parent.parent / "docs" / "query.md").read_text()
BLOCKS = dict(re.findall(r"```text (\w+)\n(.*?)```", PAGE, re.DOTALL))
QUERIES = [re.split(r"  +", line) for line in BLOCKS["queries"].splitlines()]


@pytest.mark.parametrize(("query", "numbers"), QUERIES)
def test_each_query_finds_the_lines_that_the_page_says(query, numbers):
    text = BLOCKS["lines"].encode()
    starts = [start for start, _ in make_matcher(parse(query)).find(text)]
    assert " ".join(str(text.count(b"\n", 0, start) + 1) for start in starts) == numbers


def test_every_query_in_the_tables_is_valid():
    queries = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    for query in (one for cell in queries for one in re.findall(r"`([^`]{3,})`", cell)):
        parse(query)


def test_the_error_is_shown_as_the_page_shows_it():
    shown = BLOCKS["error"].rstrip("\n")
    query = shown.splitlines()[1].strip()
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert error_with_caret(query, caught.value) == shown


def test_every_time_on_the_page_is_valid():
    section = PAGE.partition("## Times")[2].partition("## Errors")[0]
    for text in re.findall(r"`([^`]*)`", section):
        assert text.startswith("--") or parse_moment(text, 1e9, utc=True) > 0
