"""Parameters: read, checked, explained."""

import json
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from logsrv.linelog.http.endpoints import BY_PATH, ENDPOINTS, LONGEST_QUERY, openapi_document
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.http.search_request import (
    CountedValues,
    LineValues,
    NeighbourValues,
    PositionValues,
)

NOW = 1_795_000_000.0


def read(query: bytes, path: str = "/api/search") -> dict[str, Any]:
    return BY_PATH[path].parse_query_string(query, NOW)


def test_missing_parameters_have_their_defaults():
    nothing = {
        "q": "", "since": "", "until": "", "source": "", "limit": 1000, "reverse": False,
        "newest": False, "before": None, "after": None, "join": False, "format": "json",
        "columns": None,
    }  # fmt: skip
    assert read(b"") == nothing
    assert read(b"q=&since=&until=&limit=&reverse=&before=&after=&") == nothing


def test_parameters_are_parsed():
    found = read(b"q=a+b%20%C3%A4&limit=7&reverse=1&before=17:52311&after=3%3A0&since=30m")
    assert (found["q"], found["limit"], found["reverse"]) == ("a b ä", 7, True)
    assert (found["before"], found["after"]) == ("17:52311", "3:0")
    assert found["since"].endswith("Z")
    assert read(b"reverse=0")["reverse"] is False and read(b"newest=1")["newest"] is True
    assert read(b"columns=time,+app&format=csv")["columns"] == ["time", "app"]
    # An offset's + that was not escaped.
    times = read(b"since=2026-11-20T06:00:00+01:00&until=2026-11-20T06:00:00%2B01:00")
    assert times["since"] == times["until"] == "2026-11-20T05:00:00.000000Z"


@pytest.mark.parametrize(
    ("query", "part"),
    [
        (b"limit=100001", "limit: 100001 is not from 0 to 100000"),
        (b"limit=1e3", "no whole number"),
        (b"limit=" + "٣".encode(), "not percent-encoded"),
        (b"limit=%D9%A3", "no whole number"),
        (b"before=1", "not a position"),
        (b"after=1:2:3", "not a position"),
        (b"since=maybe", "since: "),
        (b"q=a&q=b", "twice"),
        (b"q=%f", "percent-encoded"),
        (b"q=%ff", "percent-encoded"),
        (b"querry=a", "no parameter"),
        (b"limt=1", "did you mean limit?"),
        (b"q=" + b"a" * (LONGEST_QUERY + 1), "longer than"),
    ],
)
def test_a_wrong_parameter_is_status_400(query, part):
    with pytest.raises(Problem, match=part.replace("?", r"\?")) as caught:
        read(query)
    assert caught.value.status == 400 and caught.value.at is None


def test_a_wrong_query_has_its_column():
    with pytest.raises(Problem) as caught:
        read(b"q=abc+status%3E%3D")
    assert caught.value.status == 400 and caught.value.at is not None


def test_a_missing_required_parameter_is_refused():
    with pytest.raises(Problem, match="field is missing"):
        read(b"", "/api/top")
    assert read(b"position=1:2", "/api/show") == {
        "position": "1:2", "before": 5, "after": 5,
    }  # fmt: skip


def test_every_endpoint_is_in_the_description():
    found = json.loads(json.dumps(openapi_document()))
    # Behind them, those that change what is saved.
    assert list(found["paths"])[:-2] == [endpoint.path for endpoint in ENDPOINTS]
    for endpoint in ENDPOINTS:
        operation = found["paths"][endpoint.path]["get"]
        assert [one["name"] for one in operation["parameters"]] == [
            one.name for one in endpoint.parameters
        ]
        assert operation["summary"] and all(one["description"] for one in operation["parameters"])
    ids = [one["operationId"] for path in found["paths"].values() for one in path.values()]
    assert len(set(ids)) == len(ids)


def test_a_variable_where_only_some_values_are_possible_is_explained():
    with pytest.raises(Problem) as problem:
        read(b"q=level%3E%3D%24worst")
    assert str(problem.value).endswith(
        "; $worst is a variable: a board with this search offers its values; here it is a text"
    )
    assert problem.value.at == 8


@pytest.mark.parametrize("name", sorted(REPLIES.keys() - {"tail"}))
def test_the_types_of_parsed_parameters_know_all_of_an_endpoint(name):
    """mypy believes these types: JSON from the server has no others."""
    of_lines = {"search": LineValues, "show": NeighbourValues, "record": PositionValues}
    types = get_type_hints(of_lines.get(name, CountedValues))
    for one in BY_PATH[f"/api/{name}"].parameters:
        kind = types[one.name]
        classes = {get_origin(each) or each for each in get_args(kind) or (kind,)}
        assert one.required or type(one.default) in classes
