"""The table of the API: each path with its parameters, their meaning and their parsers.

The server checks requests by this table and makes /openapi.json from it. The parsed values, whose types
are in `searching/search_order.py`, go to the searching process as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import attrs

from logsrv import __version__
from logsrv.errors import QueryError
from logsrv.kit.text.words import did_you_mean, listed, shown
from logsrv.linelog.http.board_variables import variables_hint
from logsrv.linelog.http.problems import Problem, query_problem
from logsrv.linelog.http.searching.search_order import (
    HistogramValues,
    NoValues,
    PatternValues,
    RecordValues,
    ScopeValues,
    SearchValues,
    ShowValues,
    TableValues,
    TailValues,
    TopValues,
)
from logsrv.linelog.parts.endpoints import ApiParameter, read_time
from logsrv.linelog.query.field_names import field_names, plain_field_names
from logsrv.linelog.query.pipeline import parse_lines, parse_question
from logsrv.linelog.steps.zones import zone_name
from logsrv.linelog.store.segment import parse_named_position

MOST_LINES = 100_000
MOST_BUCKETS = 1000
MOST_NEIGHBOURS = 1000
LONGEST_QUERY = 4000
LONGEST_NAME = 200
SAVED = "/api/saved"
BOARD_FILE = "/api/board-file"
SAVED_PARTS = ("q", "since", "until", "last", "columns", "by")
"""The parts of a saved search: parameters of the page's address."""
MOST_PANELS = 12
PANEL_SHAPES = ("table", "bars", "lines", "number")
"""The shapes of a saved search on a board."""
PANEL_TIMES = ("own", "board")
"""Whose time a panel shows once the board has one: that which its search was saved with, or the board's."""
PANEL_WIDTHS = ("narrow", "wide")
"""How wide a panel is: as a column, or as the whole board."""
LONGEST_FIGURE = 1000
# Characters; a name of the longest kind, with as many backticks.
_LONGEST_FIELD, _LONGEST_LIST = 2_002, 4_000
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
JSON, LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
TEXT = "text/plain; charset=utf-8"
FORMATS = {"csv": "text/csv; charset=utf-8", "text": TEXT}
"""The media types of answers in other forms than JSON."""


_Values_co = TypeVar("_Values_co", bound=Mapping[str, object], covariant=True)


class ApiRequest(NamedTuple, Generic[_Values_co]):
    """A request to an endpoint, after all checks of its parameters.

    values: of all parameters. query: that of its lines, "" without. type: the media type of its answer.
    progress: whether the answer tells how far it is.
    """

    values: _Values_co
    query: str
    type: str
    progress: bool


@attrs.frozen
class ApiEndpoint(Generic[_Values_co]):
    """A path of the API.

    values: the type of the values of its parameters, which a function in `replies` gets.
    check: called with the values of all parameters; raises Problem if they do not go together.
    type: the media type of an answer with status 200. open: whether a request needs no token.
    shared: whether clients that ask the same get one answer: it is whole only at its end, and not long.
    of_some_lines: whether it answers who sees only some lines, and tells of these alone, as searching
    processes do.
    """

    path: str
    help: str
    values: type[_Values_co]
    parameters: tuple[ApiParameter, ...] = ()
    check: Callable[[Any], object] = lambda _: None
    type: str = JSON
    open: bool = False
    shared: bool = False
    of_some_lines: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The media types of an answer in JSON: the one without its progress is the first."""
        return (self.type, LINES) if _PROGRESS in self.parameters else (self.type,)

    @property
    def name(self) -> str:
        """The last part of the path: `search`."""
        return self.path.rpartition("/")[2]

    def parse(self, query: bytes, now: float) -> ApiRequest[_Values_co]:
        """Return a request. query: the part of the URL after `?`. Raises Problem."""
        # The one place where values get their type; a test compares it with the parameters.
        values: Any = parse_parameters(self.path, self.parameters, query, now)
        self.check(values)
        progress = values.get(_PROGRESS.name, False)
        form = LINES if progress else FORMATS.get(values.get("format"), self.type)
        return ApiRequest(values, values.get("q", ""), form, progress)


AnyEndpoint: TypeAlias = ApiEndpoint[Mapping[str, object]]
"""An endpoint whatever its values are."""


def parse_parameters(
    path: str, parameters: Sequence[ApiParameter], query: bytes, now: float
) -> dict[str, Any]:
    """Return the values of all parameters of a path. Raises Problem."""
    given = _split_parameters(query)
    known = {one.name: one for one in parameters}
    for name in given:
        if name not in known:
            hint = did_you_mean(name, list(known)) or (
                f"; it takes {listed(list(known))}" if known else "; it takes none"
            )
            raise Problem(400, f"{path} has no parameter {shown(name)}{hint}")
    return {
        name: _parse_parameter(parameter, given.get(name, ""), now)
        for name, parameter in known.items()
    }


def _split_parameters(query: bytes) -> dict[str, str]:
    try:
        encoded = query.decode("ascii")
        if _BROKEN_ESCAPE.search(encoded):
            raise ValueError
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict")
    except ValueError:
        raise Problem(400, "the parameters of the address are not percent-encoded UTF-8") from None
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise Problem(400, f"the parameter {shown(name)} is given twice")
        given[name] = text
    return given


def _parse_parameter(parameter: ApiParameter, text: str, now: float) -> Any:
    if not text:
        if parameter.required:
            raise Problem(400, f"the parameter {parameter.name} is missing: {parameter.help}")
        return parameter.default
    try:
        return parameter.read(text, now)
    except QueryError as error:
        raise query_problem(error) from None
    except ValueError as error:
        raise Problem(400, f"{parameter.name}: {error}") from None


def check_query(text: str, now: float) -> str:
    """Return the text of a query. Raises QueryError, and ValueError if it is too long."""
    if len(text) > LONGEST_QUERY:
        raise ValueError(f"the query is longer than {LONGEST_QUERY} characters")
    try:
        parse_question(text)
    except QueryError as error:
        # Such as level>=$worst.
        if hint := variables_hint(text):
            raise QueryError(f"{error.sentence}; {hint}", error.at) from None
        raise
    return text


def _check_query_for_lines(text: str, now: float) -> str:
    check_query(text, now)
    parse_lines(text, "a live view")
    return text


def _check_position(text: str, now: float) -> str:
    return str(parse_named_position(text))


def _check_place(text: str, now: float) -> str:
    return ",".join(str(parse_named_position(one)) for one in text.split(","))


def _parse_flag(text: str, now: float) -> bool:
    if text.lower() not in ("0", "1", "false", "true"):
        raise ValueError(f"{shown(text)} is neither 1 nor 0")
    return text.lower() in ("1", "true")


def _check_short_text(text: str, now: float) -> str:
    return _check_length(text, 200)


def _check_length(text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"longer than {most} characters")
    return text


def _read_field_name(text: str, now: float) -> str:
    names = field_names(_check_length(text, _LONGEST_FIELD))
    if len(names) > 1:
        raise ValueError(f"{shown(text)} is no name of one field; ask for one at a time")
    return names[0]


def _flag_parameter(name: str, help: str) -> ApiParameter:
    return ApiParameter(name, help, _parse_flag, {"type": "string", "enum": ["0", "1"]}, False)


def _format_parameter(*formats: str) -> ApiParameter:
    def read(text: str, now: float) -> str:
        if text not in formats:
            raise ValueError(f"{shown(text)} is not a format; the formats are: {listed(formats)}")
        return text

    schema = {"type": "string", "enum": list(formats), "default": formats[0]}
    return ApiParameter("format", f"{listed(formats)}", read, schema, formats[0])


def _integer_parameter(
    name: str, help: str, default: int, largest: int, smallest: int = 0
) -> ApiParameter:
    def read(text: str, now: float) -> int:
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{shown(text)} is no whole number")
        if not smallest <= int(text) <= largest:
            raise ValueError(f"{text} is not from {smallest} to {largest}")
        return int(text)

    schema = {"type": "integer", "minimum": smallest, "maximum": largest, "default": default}
    return ApiParameter(name, help, read, schema, default)


def _check_columns(values: SearchValues) -> None:
    if values["columns"] and values["format"] != "csv":
        raise Problem(400, "columns needs format=csv")


def _check_progress(values: TableValues) -> None:
    if values["progress"] and values["format"] != "json":
        raise Problem(400, "progress needs format=json")


_TEXT = {"type": "string"}
_PLACE = {"type": "string", "pattern": "^([a-z][a-z0-9-]*/)?[0-9]+:[0-9]+$"}
_CURSOR = {
    "type": "string",
    "pattern": "^([a-z][a-z0-9-]*/)?[0-9]+:[0-9]+(,[a-z][a-z0-9-]*/[0-9]+:[0-9]+)*$",
}
_Q = ApiParameter("q", "the query; empty for every line", check_query, _TEXT, "")
_TIMES = (
    ApiParameter(
        "since",
        "received then or later: RFC 3339, today, 06:00, 30m (ago), @SECONDS since 1970",
        read_time,
        _TEXT,
        "",
    ),
    ApiParameter("until", "received before then", read_time, _TEXT, ""),
)
_ZONE = ApiParameter(
    "tz",
    "the zone in which days begin at midnight, as Europe/Berlin; without it, steps begin in UTC",
    lambda text, now: zone_name(_check_length(text, 64)),
    _TEXT,
    "",
)
_SOURCE = ApiParameter(
    "source", "from sources like this pattern, as tcp:10.1.*", _check_short_text, _TEXT, ""
)
_SCOPE = (_Q, *_TIMES, _SOURCE)
_LINE = ApiParameter("position", "the line", _check_position, _PLACE, required=True)
_AFTER = ApiParameter("after", "the position after which it begins", _check_position, _PLACE)

_JOIN = _flag_parameter(
    "join",
    "1: `q` is asked of whole records; `continues` is where a line's record begins; in JSON, further lines "
    "of records at the edges come last, with `beyond`",
)

_PROGRESS = _flag_parameter(
    "progress",
    "1: lines of JSON: `progress` each second or so, mostly with the `answer` of the newest lines, and "
    "last the whole `answer` or an `error`",
)

TAIL = ApiEndpoint(
    "/api/tail",
    "Lines that match, as they are written: the events `line` and `missed`. The header "
    "Last-Event-ID goes before `after`",
    TailValues,
    (
        attrs.evolve(_Q, read=_check_query_for_lines),
        attrs.evolve(
            _AFTER,
            read=_check_place,
            schema=_CURSOR,
            help="the position after which it begins; with several stores, a position in each",
        ),
        _JOIN,
    ),
    type=EVENTS,
    of_some_lines=True,
)

ENDPOINTS: tuple[AnyEndpoint, ...] = (
    ApiEndpoint(
        "/api/search",
        "Lines that match, an object a line, in the order of the store",
        SearchValues,
        (
            *_SCOPE,
            _integer_parameter("limit", "at most so many lines", 1000, MOST_LINES),
            _flag_parameter("reverse", "1: newest first"),
            _flag_parameter("newest", "1: the newest `limit` lines, in the order of the store"),
            ApiParameter("before", "the position before which it ends", _check_position, _PLACE),
            _AFTER,
            _JOIN,
            _format_parameter("json", "csv", "text"),
            ApiParameter(
                "columns",
                "the columns of csv: names of fields as in a query, parted by commas",
                lambda text, now: plain_field_names(_check_length(text, _LONGEST_LIST)),
                _TEXT,
            ),
        ),
        _check_columns,
        LINES,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/table",
        "Figures by groups of lines: `… | avg ms, count by app`; `kinds`: what their cells are; "
        "`at_least` names columns of lower bounds",
        TableValues,
        (
            attrs.evolve(_Q, required=True, help="a query that ends with figures"),
            *_TIMES,
            _SOURCE,
            _ZONE,
            _integer_parameter("limit", "at most so many rows", 1000, MOST_LINES),
            _flag_parameter("whole", "1: over time, rows of the largest groups, not the first"),
            _format_parameter("json", "csv", "text"),
            _PROGRESS,
        ),
        _check_progress,
        shared=True,
        of_some_lines=True,
    ),
    TAIL,
    ApiEndpoint(
        "/api/histogram",
        "Numbers of lines over time, by level",
        HistogramValues,
        (
            *_SCOPE,
            _ZONE,
            _integer_parameter("buckets", "at most so many", 60, MOST_BUCKETS, 1),
            ApiParameter(
                "by",
                "a field, whose 8 most frequent values are counted",
                _read_field_name,
                _TEXT,
                "",
            ),
            _PROGRESS,
        ),
        shared=True,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/top",
        "The most frequent values of a field",
        TopValues,
        (
            ApiParameter(
                "field",
                "the name of the field, as it is or in backticks",
                _read_field_name,
                _TEXT,
                required=True,
            ),
            *_SCOPE,
            _integer_parameter("limit", "at most so many values", 10, 1000, 1),
        ),
        shared=True,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/patterns",
        "What messages have in common, with placeholders, the most frequent first",
        PatternValues,
        (
            *_SCOPE,
            ApiParameter(
                "new_since", "only patterns that no line before then has", read_time, _TEXT, ""
            ),
            ApiParameter(
                "by", "a field: each `value` has its own patterns", _read_field_name, _TEXT, ""
            ),
            _integer_parameter("limit", "at most so many patterns", 20, 1000, 1),
            _PROGRESS,
        ),
        shared=True,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/fields",
        "The fields of lines that match, in a sample of them",
        ScopeValues,
        _SCOPE,
        shared=True,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/sources",
        "The sources of lines with their numbers",
        ScopeValues,
        _SCOPE,
        shared=True,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/me",
        "Who asks: `name`, what it `may`, and the condition `only` of the lines that it sees",
        NoValues,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/stats",
        "Sizes of the store, its oldest and newest line, where it ends",
        NoValues,
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/show",
        "A line and its neighbours",
        ShowValues,
        (
            _LINE,
            _integer_parameter("before", "so many lines before it", 5, MOST_NEIGHBOURS),
            _integer_parameter("after", "so many lines after it", 5, MOST_NEIGHBOURS),
        ),
        of_some_lines=True,
    ),
    ApiEndpoint(
        "/api/record",
        "All lines of a line's record, such as a stack trace",
        RecordValues,
        (_LINE,),
        of_some_lines=True,
    ),
    ApiEndpoint(
        SAVED,
        "The searches that are saved for all readers, and the boards of them",
        NoValues,
        of_some_lines=True,
    ),
    ApiEndpoint("/openapi.json", "This description", NoValues, of_some_lines=True),
    ApiEndpoint(
        "/metrics", "The counters of the service, as Prometheus reads them", NoValues, type=TEXT
    ),
    ApiEndpoint(
        "/healthz", "Status 503 while received lines cannot be stored", NoValues, open=True
    ),
    ApiEndpoint("/readyz", "Status 503 while no lines are taken in", NoValues, open=True),
)
BY_PATH = {one.path: one for one in ENDPOINTS}

_ERROR = {
    "description": "What is wrong, and where in the query",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"type": "string"},
                    "at": {"type": "integer", "minimum": 1},
                },
            }
        }
    },
}


def openapi_document(of_parts: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the description of the API as OpenAPI 3.1, for JSON. of_parts: the paths of other parts."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "logsrv", "version": __version__},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {one.path: {"get": openapi_operation(one)} for one in ENDPOINTS}
        | {f"{SAVED}/{{name}}": _openapi_changes(), BOARD_FILE: {"post": _openapi_import()}}
        | {**of_parts},
    }


_NAME = {**_TEXT, "minLength": 1, "maxLength": LONGEST_NAME}
NAME_IN_PATH = {"name": "name", "in": "path", "required": True, "schema": _NAME}
"""The parameter of a path that ends in any name."""


def _openapi_changes() -> dict[str, Any]:
    """Return the operations on one saved search or board; each answers with the list that is left."""
    search = _openapi_object(dict.fromkeys(SAVED_PARTS, _TEXT))
    members = {"as": PANEL_SHAPES, "time": PANEL_TIMES, "width": PANEL_WIDTHS}
    choices = {name: {"enum": list(values)} for name, values in members.items()}
    figure = {"figure": {**_TEXT, "maxLength": LONGEST_FIGURE}}
    panel = _openapi_object({"search": _NAME, **choices, **figure}) | {"required": ["search", "as"]}
    panels = {"type": "array", "items": panel, "maxItems": MOST_PANELS}
    fields = {"type": "object", "additionalProperties": _TEXT}
    board = _openapi_object({"panels": panels, "variables": fields}) | {"required": ["panels"]}
    body = {"required": True, "content": {JSON: {"schema": {"oneOf": [search, board]}}}}
    put = openapi_operation(
        ApiEndpoint("put_saved", "Save a search or a board, or replace it", NoValues)
    )
    delete = openapi_operation(
        ApiEndpoint("delete_saved", "Remove a saved search or a board", NoValues)
    )
    return {
        "put": put | {"parameters": [NAME_IN_PATH], "requestBody": body},
        "delete": delete | {"parameters": [NAME_IN_PATH]},
    }


def _openapi_import() -> dict[str, Any]:
    file = {"type": "object", "required": ["logsrv", "version", "name", "board", "searches"]}
    body = _openapi_object({"file": file, "state": _TEXT, "take": {}}) | {"required": ["file"]}
    operation = openapi_operation(
        ApiEndpoint(
            "import_board",
            "Say what the import of a board's file would do; with `take`, do it",
            NoValues,
        )
    )
    return operation | {"requestBody": {"required": True, "content": {JSON: {"schema": body}}}}


def _openapi_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def openapi_operation(
    endpoint: AnyEndpoint, reply: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the description of an endpoint. reply: the schema of its answer."""
    return {
        "operationId": endpoint.name.partition(".")[0],
        "summary": endpoint.help,
        "security": [{}] if endpoint.open else [{"token": []}, {}],
        "parameters": [
            {
                "name": one.name,
                "in": "query",
                "required": one.required,
                "description": one.help,
                "schema": dict(one.schema),
            }
            for one in endpoint.parameters
        ],
        "responses": {
            "200": {
                "description": "OK",
                "content": {
                    one.partition(";")[0]: {"schema": dict(reply)} for one in endpoint.types
                },
            },
            "default": _ERROR,
        },
    }
