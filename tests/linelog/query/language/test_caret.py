"""An error as a terminal shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.query.language.caret import error_with_caret


@pytest.mark.parametrize(
    ("query", "at", "shown"),
    [
        ("a )", 3, "no\n  a )\n    ^"),
        ("漢字 )", 4, "no\n  漢字 )\n       ^"),
        ("e\u0301 )", 4, "no\n  e\u0301 )\n    ^"),
        ("\t)", 2, "no\n  \\x09)\n      ^"),
        ("\x1b[2J\n)", 6, "no\n  \\x1b[2J\\x0a)\n             ^"),
        ("a OR", 5, "no\n  a OR\n      ^"),
        ("", 1, "no\n  \n  ^"),
    ],
)
def test_the_caret_is_under_the_place(query, at, shown):
    assert error_with_caret(query, QueryError("no", at)) == shown


@given(st.text("a\t\x1b漢\u202e\u0301", max_size=300), st.integers(1, 400))
def test_three_short_lines_that_drive_no_terminal(query, at):
    lines = error_with_caret(query, QueryError("no", at)).split("\n")
    assert len(lines) == 3 and all(len(line) < 500 for line in lines)
    assert not set(lines[1]) & {"\x1b", "\u202e", "\t"} and lines[2].strip() == "^"
