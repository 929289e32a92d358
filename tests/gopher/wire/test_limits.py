"""The limits of a request: by the kind of its answer, and never none at all."""

import math

import pytest

from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.limits import Limits


def test_a_download_may_take_any_time_and_a_page_may_not():
    limits = Limits(menu=1, text=2, download=3, whole=4)
    kinds: list[AnswerKind | None] = ["menu", "text", "binary", None]
    assert [limits.most_bytes(kind) for kind in kinds] == [1, 2, 3, 3]
    assert [limits.most_seconds(kind) for kind in kinds] == [4, 4, 4, math.inf]


def test_the_times_of_the_user_replace_those_of_a_page():
    page = Limits(menu=5, whole=60)
    user = Limits(menu=1000, connect=1, first_byte=2, between=3, whole=300, least=4)
    assert page.with_times_of(user) == Limits(menu=5, connect=1, first_byte=2, between=3, whole=60)
    assert page.with_times_of(Limits(whole=2)).whole == 2


@pytest.mark.parametrize(
    "name", ["menu", "text", "line", "items", "connect", "first_byte", "between", "whole"]
)
def test_no_limit_is_zero(name):
    with pytest.raises(ValueError, match=f"{name} must be more than 0"):
        Limits(**{name: 0})
