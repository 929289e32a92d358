"""Parameters: read, checked, explained."""

import json
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlencode

import pytest

from logsrv.linelog.http.endpoints import BY_PATH, ENDPOINTS, LONGEST_QUERY, openapi_document
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.http.searching.search_order import EarlierLinesValues

NOW = 1_795_000_000.0


def read(query: bytes, path: str = "/api/search") -> dict[str, Any]:
    return {**BY_PATH[path].parse(query, NOW).values}


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


def classes_of(kind: Any) -> set[Any]:
    """Return the classes of values of a type such as `list[str] | None`; a Literal has its values'."""
    if get_origin(kind) is Literal:
        return {type(each) for each in get_args(kind)}
    if isinstance(kind, UnionType):
        return {one for each in get_args(kind) for one in classes_of(each)}
    return {get_origin(kind) or kind}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.path)
def test_the_type_of_values_names_the_parameters_of_an_endpoint(endpoint):
    """mypy believes these types: a request has these values, no others, and of these classes."""
    types = get_type_hints(endpoint.values)
    assert types.keys() == {one.name for one in endpoint.parameters}
    for one in endpoint.parameters:
        default = classes_of(types[one.name]) if one.required else {type(one.default)}
        assert default <= classes_of(types[one.name])
    told = {"format": "csv", "columns": "app", "position": "1:2", "before": "1:2", "after": "1:2"}
    told |= {"tz": "Europe/Berlin", "since": "30m", "until": "1m", "new_since": "1m"}
    told |= {"q": "| count", "source": "*", "by": "app", "field": "app"}
    if endpoint.name == "show":
        told |= {"before": "3", "after": "3"}
    if endpoint.name == "tail":
        told |= {"q": "a"}
    for one in endpoint.parameters:
        required = {each.name for each in endpoint.parameters if each.required}
        wanted = {one.name, *required, *({"format"} if one.name == "columns" else ())}
        query = urlencode({name: told.get(name, "1") for name in wanted})
        values = endpoint.parse(query.encode(), NOW).values
        assert values.keys() == types.keys()
        assert type(values[one.name]) in classes_of(types[one.name]), one.name


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_a_function_of_replies_gets_the_values_of_its_endpoint(name):
    """The lines of a live view from before its begin are asked for by the server, not by the client."""
    wanted = EarlierLinesValues if name == "tail" else BY_PATH[f"/api/{name}"].values
    assert REPLIES[name].__annotations__["values"] == wanted.__name__


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("/api/search", b"columns=app", "columns needs format=csv"),
        ("/api/table", b"q=%7C+count&progress=1&format=csv", "progress needs format=json"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(path, query, sentence):
    with pytest.raises(Problem, match=sentence):
        read(query, path)
