"""The kinds of options that readers of the store share."""

from __future__ import annotations

import pytest

from logsrv.kit.options.kinds import WrongPlace
from logsrv.linelog.cursors.settings import QUERY, plain_text


def test_a_query_is_taken_as_it_is_written() -> None:
    assert QUERY.parse("level>=error") == "level>=error"


def test_a_wrong_query_is_told_with_a_caret_under_the_place() -> None:
    with pytest.raises(WrongPlace) as caught:
        QUERY.parse("app=x (a")
    assert caught.value.picture.split("\n") == ["  app=x (a", "        ^"]


def test_a_text_that_no_program_can_be_given_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        plain_text("a\0b")
