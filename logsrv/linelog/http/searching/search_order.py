"""Orders to a searching process, and the parameters of each endpoint as its function gets them.

`endpoints` makes these values of a query string, the daemon sends them in a `SearchOrder` as JSON, and the
process hands them to the endpoint's function in `replies`. So each type is written once for both sides, and
mypy knows each name; a test compares the types with the table of parameters. Only types are here: a
searching process, which begins with each search, does not load this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict


class NoValues(TypedDict):
    """The values of an endpoint without parameters."""


class QueryValues(TypedDict):
    """A query: "" for every line."""

    q: str


class ScopeValues(QueryValues):
    """A query, and the lines of which it is asked.

    since, until: RFC 3339, "" for no limit. source: a pattern, "" for all sources.
    """

    since: str
    until: str
    source: str


class SearchValues(ScopeValues):
    """The parameters of /api/search.

    before, after: positions, None for no limit. columns: names of fields, None for all.
    """

    limit: int
    reverse: bool
    newest: bool
    before: str | None
    after: str | None
    join: bool
    format: Literal["json", "csv", "text"]
    columns: list[str] | None


class TailValues(QueryValues):
    """The parameters of /api/tail. after: a position or a cursor; None for the end of the store."""

    after: str | None
    join: bool


class EarlierLinesValues(ScopeValues):
    """The order of a live view for the lines from before it is attached.

    begin, end: where the lines begin and end: a position or a cursor each.
    """

    join: bool
    begin: str
    end: str


class FigureValues(ScopeValues):
    """The parameters of figures over time. tz: a zone, "" for UTC."""

    tz: str
    progress: bool


class TableValues(FigureValues):
    """The parameters of /api/table."""

    limit: int
    whole: bool
    format: Literal["json", "csv", "text"]


class HistogramValues(FigureValues):
    """The parameters of /api/histogram. by: the name of a field, "" for none."""

    buckets: int
    by: str


class TopValues(ScopeValues):
    """The parameters of /api/top. field: its name."""

    field: str
    limit: int


class PatternValues(ScopeValues):
    """The parameters of /api/patterns.

    new_since: RFC 3339, "" for all patterns. by: the name of a field, "" for none.
    """

    new_since: str
    by: str
    limit: int
    progress: bool


class RecordValues(TypedDict):
    """The parameters of /api/record. position: of a line."""

    position: str


class ShowValues(RecordValues):
    """The parameters of /api/show. before, after: numbers of neighbours."""

    before: int
    after: int


class TimeValues(TypedDict, total=False):
    """The values that a searching process reads for any endpoint: RFC 3339, or "" for no limit."""

    since: str
    until: str


class Work(TypedDict):
    """The work of a searching process for a request.

    function: one of `replies` by its name, or that of another part as `package.module:function`.
    values: what the function gets. progress: whether the answer tells how far it is.
    """

    function: str
    values: Mapping[str, object]
    progress: bool


class SearchOrder(Work):
    """The whole message to a searching process.

    only: the condition of the lines that the reader may see; "" for all. seconds: the CPU time that the
    process may take. variables: for its environment, such as keys of archives.
    """

    directory: str
    only: str
    seconds: int
    variables: dict[str, str]
