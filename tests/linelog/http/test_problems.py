"""What is wrong is told as JSON, on one line, safe to show."""

from __future__ import annotations

import json

from logsrv.errors import QueryError
from logsrv.linelog.http.problems import Problem, too_many, wrong_query


def test_a_sentence_is_one_line_of_json() -> None:
    assert json.loads(Problem(404, "no\nsuch \x1b line").body) == {
        "error": "no\\nsuch \\x1b line"
    } or (b"\x1b" not in Problem(404, "no\nsuch \x1b line").body)
    assert Problem(400, "a\nb").body.count(b"\n") == 1


def test_a_wrong_query_has_its_place() -> None:
    problem = wrong_query(QueryError("there is nothing behind the >=", 7))
    assert problem.status == 400
    assert json.loads(problem.body) == {"error": "there is nothing behind the >=", "at": 7}


def test_too_much_says_when_to_ask_again() -> None:
    problem = too_many("wait", 5)
    assert (problem.status, problem.headers) == (429, {"Retry-After": "5"})
