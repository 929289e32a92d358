"""A value of a pattern, made of those of its parts."""

import pytest

from logsrv.linelog.query.text_search.pattern_fold import fold_pattern


def folded(exact: str) -> str:
    """Return a pattern with its structure in brackets."""
    return fold_pattern(
        exact,
        values=lambda token: [token[0]],
        repeated=lambda value, token: f"{value}{{{token[0]}}}",
        either=lambda branches: "<" + " or ".join("-".join(one) for one in branches) + ">",
    )


@pytest.mark.parametrize(
    ("exact", "found"),
    [
        ("", "<>"),
        (r"ab\d", r"<ab-\d>"),
        (r"a|\d+", r"<a or \d{+}>"),
        (r"(?:x|y(z)?){2,}", "<<x or y-<z>{?}>{{2,}}>"),
        (r"[|(]", "<[|(]>"),
    ],
)
def test_groups_branches_and_repetitions_are_folded(exact, found):
    assert folded(exact) == found


def test_a_token_may_have_several_values():
    assert (
        fold_pattern(
            "abc",
            values=lambda token: token[0],
            repeated=lambda value, token: value,
            either=lambda branches: ",".join(branches[0]),
        )
        == "a,b,c"
    )
