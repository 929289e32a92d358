"""Options that are queries: checked when they are given, with a caret under what is wrong."""

import pytest

from logsrv.kit.options.kinds import WrongPartError
from logsrv.linelog.query.option_kinds import QUERY, require_plain_text


def test_a_query_is_taken_as_it_is_written():
    assert QUERY.parse("level>=error") == "level>=error"


def test_a_wrong_query_is_told_with_a_caret_under_the_error():
    with pytest.raises(WrongPartError) as caught:
        QUERY.parse("app=x (a")
    assert caught.value.picture.split("\n") == ["  app=x (a", "        ^"]


def test_a_text_that_no_program_can_be_given_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        require_plain_text("a\0b")
