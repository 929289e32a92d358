"""Errors of DuckDB in one sentence."""

from __future__ import annotations

import json

import pytest

from logsrv.linelog.sql.fault import Fault, fault


def said(**parts: str) -> Fault:
    return fault(Exception("Binder Error: " + json.dumps(parts)), behind=8)


def test_the_first_line_counts_and_the_advice() -> None:
    found = said(
        exception_type="Catalog",
        exception_message="There is no log.\nDid you mean logs?\n",
        position="22",
    )
    assert found == Fault("Catalog", "There is no log. Did you mean logs?", 14, "")


def test_a_table_that_is_not_there_is_answered_with_the_one_that_is() -> None:
    message = 'Table with name lines does not exist!\nDid you mean "pg_index"?'
    found = said(exception_type="Catalog", exception_message=message)
    assert found.sentence == "there is no table lines; the lines are in the table logs"


@pytest.mark.parametrize(
    "parts",
    [
        {
            "exception_message": "Referenced column",
            "name": "a b",
            "error_subtype": "COLUMN_NOT_FOUND",
        },
        {"exception_message": 'Table "l" does not have a column named "a b"'},
        {"exception_message": 'Column "a b" does not exist on left side of join!'},
    ],
)
def test_a_column_that_is_missing_is_named(parts: dict[str, str]) -> None:
    assert said(**parts).missing == "a b"


def test_what_is_no_json_is_the_sentence() -> None:
    assert fault(Exception("odd")) == Fault("", "odd", -1, "")


def test_places_are_characters() -> None:
    error = Fault("Binder", "wrong", len("select 'é', ".encode()), "").as_error("select 'é', x")
    assert (error.sentence, error.at) == ("wrong", 13)
    assert Fault("Binder", "wrong", 99, "").as_error("x").at == 0
