"""`let`: columns that are computed of others; what is nothing, and what is wrong with others."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.stages.let import MOST_TOKENS

FIGURES = (
    "| count, count if (level>=error) as errors, avg ms, sum bytes as b, max time as `a-b` by app"
)
ROW = ("shop", 8, 2, 2.5, 3 << 20, "2026-11-20T06:00:00Z")


def made(expression: str, row: tuple[Cell, ...] = ROW, figures: str = FIGURES) -> Cell:
    """What `let` makes of a row of these figures."""
    asked = parse_question(f"{figures} | let made = {expression}")
    assert asked.answer is not None
    [one] = asked.row_stages
    columns = asked.answer.columns
    [found] = one.apply([row], columns, utc=True)
    assert [*one.columns_behind(columns)][: len(columns)] == [*columns]
    assert one.columns_behind(columns)[-1].name == "made" and found[:-1] == row
    return found[-1]


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("errors / count", 0.25),
        ("errors/count", 0.25),
        ("errors/count*100", 25),
        ("count-errors", 6),
        ("count - errors - 1", 5),
        ("1 + 2 * 3 - 8 / 4 / 2", 6),
        ("-(1 + 2) * -count", 24),
        ("- - count", 8),
        ("(errors + 1) * (count)", 24),
        ("b / 1MiB", 3),
        ("avg_ms / 1s", 2.5),
        ("ms * 2", 5),
        ("count * 500ms", 4),
        ("`count` + .5e1", 13),
        ("1.5kB", 1500),
        ("7", 7),
    ],
)
def test_numbers_and_columns_are_computed(expression, number):
    assert made(expression) == pytest.approx(number)


@pytest.mark.parametrize(
    "expression", ["errors / (count - 8)", "1 / 0", "1e300 * 1e300", "0 / 0.0"]
)
def test_what_has_no_number_is_nothing(expression):
    assert made(expression) is None


def test_a_missing_part_or_one_that_is_only_a_bound_makes_nothing():
    assert made("errors / count + avg_ms", (*ROW[:3], None, *ROW[4:])) is None
    assert made("errors + 1", ("shop", 8, AtLeast(2), *ROW[3:])) is None
    assert made("count + 1", ("shop", 8, AtLeast(2), *ROW[3:])) == 9


def test_later_stages_know_the_column():
    asked = parse_question(
        f"{FIGURES} | let share = errors / count | where share > 0.2 | let p = share * 100 | sort p"
    )
    assert asked.answer is not None
    rows: list[tuple[Cell, ...]] = [ROW, ("mail", 10, 1, *ROW[3:]), ("web", 4, 3, *ROW[3:])]
    columns = asked.answer.columns
    for one in asked.row_stages:
        rows = one.apply(rows, columns, utc=True)
        columns = tuple(one.columns_behind(columns))
    assert [(row[0], *row[-2:]) for row in rows] == [("web", 0.75, 75), ("shop", 0.25, 25)]


def test_what_is_compared_is_computed_of_both_ranges():
    asked = parse_question("| count as n, first user compare 1d | let half = n / 2 + 1")
    assert asked.answer is not None
    [one] = asked.row_stages
    names = [column.name for column in one.columns_behind(asked.answer.columns)]
    assert names[5:] == ["half", "half_before", "half_change"]
    rows: list[tuple[Cell, ...]] = [(6, 2, 4, "a", "b"), (6, None, None, "a", None)]
    found = one.apply(rows, asked.answer.columns, utc=True)
    assert [row[5:] for row in found] == [(4, 2, 2), (4, None, None)]


@pytest.mark.parametrize(
    ("stage", "at", "sentence"),
    [
        ("let", 21, "let needs a name and what it is"),
        ("let n", 23, "= is missing here"),
        ("let n == 2", 24, "= is missing here"),
        ("let n =", 25, "a number or the name of a figure is missing here"),
        ("let n = 2 +", 29, "a number or the name of a figure is missing here"),
        ("let n = * 2", 26, "a number or the name of a figure is missing here"),
        ("let n = (2", 26, "this ( is never closed"),
        ("let n = 2)", 27, "this ) has no ( before it"),
        ("let n = 2 2", 28, "2 is one word too many here"),
        ("let n = n + 1", 26, "n is no column of these figures"),
        ("let n = app * 2", 26, "app is a text; let computes with numbers"),
        ("let n = coutn / 2", 26, "did you mean count?"),
        ("let n = coutn/count", 26, "coutn is no column"),
        ("let count = 2", 22, "there is a column count already"),
        ("let n = 3x", 26, "this is not a number, size or time"),
        ("let n = 3 days", 28, "days is one word too many"),
        ("let n = `count", 26, "this backtick is never closed"),
        ("let n = " + "1+" * MOST_TOKENS + "1", 126, f"{MOST_TOKENS} parts"),
        ("let n = " + "(" * MOST_TOKENS + "1", 126, f"{MOST_TOKENS} parts"),
    ],
)
def test_what_is_wrong_and_where(stage, at, sentence):
    with pytest.raises(QueryError) as error:
        parse_question(f"| count by app | {stage}")
    assert sentence in error.value.sentence
    assert error.value.at == at


def test_no_column_of_both_ranges_gets_the_name_of_another():
    with pytest.raises(QueryError, match="there is a column share_before already"):
        parse_question("| count by share_before compare 1d | let share = count / 2")
    assert parse_question("| count by share_before | let share = count / 2").row_stages


def test_times_are_no_numbers():
    with pytest.raises(QueryError, match="last is a time; let computes with numbers"):
        parse_question("| max time as last by app | let n = last / 2")


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("took + took", "s"),
        ("-took - 500ms", "s"),
        ("took / 2", "s"),
        ("1.5 * took", "s"),
        ("took / count", "s"),
        ("took * errors / count", "s"),
        ("b / count + 1MiB", "B"),
        ("ms - ms", "ms"),
        ("took / took", ""),
        ("b / 1MiB", ""),
        ("took / 500ms", ""),
        ("errors / count * 100", ""),
        ("errors * 100 / count", ""),
        ("count / errors", ""),
        ("count / count", ""),
        ("errors / count", "share"),
        ("few / b", "share"),
        ("slow / rate", "share"),
        ("(errors / count)", "share"),
        ("1 - errors / count", "share"),
        ("errors / count - few / b", "share"),
        ("took * (errors / count)", "s"),
        ("errors / count / (few / b)", ""),
        # Of other lines, or of another field.
        ("few / took", None),
        ("few / count", "B"),
        ("some / avg_y", None),
        # Nothing says in what these are.
        ("took + 1", None),
        ("took + b", None),
        ("took * took", None),
        ("b / took", None),
        ("count / took", None),
        ("ms + 500ms", None),
        ("ms / 1s", None),
        ("took * x", None),
        ("x / x", None),
        ("x + x", None),
        ("b / rate", None),
    ],
)
def test_the_unit_of_a_column_where_it_is_clear(expression, unit):
    figures = (
        "| count, count if (a) as errors, sum took, sum bytes as b, avg ms, avg x, rate,"
        " sum bytes if (a) as few, rate if (a) as slow, avg y, avg y if (a) as some by app"
    )
    asked = parse_question(f"{figures} compare 1d | let made = {expression}")
    assert asked.answer is not None
    [one] = asked.row_stages
    found = one.columns_behind(asked.answer.columns)
    assert [column.unit for column in found[-3:]] == [unit] * 3


EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["count", "errors", "2", "7", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(st.just("-"), inner),
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner),
    ),
    max_leaves=12,
)


def written(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    if len(tree) == 2:
        return f"-({written(tree[1])})"
    left, sign, right = tree
    return f"({written(left)} {sign} {written(right)})"


def value(tree: Any) -> Fraction:
    if isinstance(tree, str):
        return Fraction({"count": "8", "errors": "2"}.get(tree, tree))
    if len(tree) == 2:
        return -value(tree[1])
    left, right = value(tree[0]), value(tree[2])
    match tree[1]:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right


@given(EXPRESSIONS)
def test_any_expression_is_what_python_computes(tree):
    found = made(written(tree))
    try:
        wanted: Any = pytest.approx(float(value(tree)), rel=1e-9, abs=1e-9)
    except ZeroDivisionError:
        wanted = None
    if wanted is not None and found is None:
        # A difference that is not exactly 0 in doubles, or the other way round.
        assert "/" in written(tree)
    elif wanted is not None:
        assert found == wanted


@given(st.text("()+-*/ .0123456789eMiBs`countrs", max_size=30))
def test_any_text_is_computed_or_refused_with_its_place(text):
    query = f"| count, count as errors by app | let made = {text}"
    refused = None
    try:
        made(text, ("a", 3, 4), "| count, count as errors by app")
    except QueryError as error:
        refused = error.at
    assert refused is None or 1 <= refused <= len(query) + 1
