"""Endpoints of the API that a part offers; the web server, if there is one, serves them with its own.

    class Colours(PartWork[ColourOptions]):
        def endpoints(self):
            help = "All colours"
            return [PartEndpoint(method="GET", path="/api/colours", help=help, answer=self._answer)]

        def _answer(self, asked):
            return succeed({"colours": ["red"]})

The server checks token, Host, Origin and parameters before it calls `answer`. A part and the server know
only this module of each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import attrs

from logsrv.errors import PeerError
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.times import parse_moment

if TYPE_CHECKING:
    # A searching process, which raises RefusedRequest, has no Twisted.
    from twisted.internet.defer import Deferred

METHODS = ("GET", "PUT", "POST", "DELETE")
WITH_BODY = ("PUT", "POST")
NAME = "/{name}"
"""The end of a path that stands for any name: `/api/colours/{name}`."""
_SPACE_FOR_PLUS = re.compile(r"(:[0-9]{2}(?:\.[0-9]+)?) ([0-9]{2}:?[0-9]{2})$", re.ASCII)
_PATH = re.compile(r"/api(/[a-z][a-z_]*)+(/\{name\})?", re.ASCII)


class RefusedRequest(PeerError):
    """A request that is refused with a sentence.

    status: of HTTP. at: the column of a fault in a query, from 1; None if no query is the reason.
    """

    def __init__(self, status: int, sentence: str, *, at: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.at = at


@attrs.frozen
class ApiParameter:
    """A parameter of the API.

    read: text, current time (seconds since 1970) → the value; raises QueryError, and ValueError with a
        sentence. schema: the text's schema in OpenAPI.
    """

    name: str
    help: str
    read: Callable[[str, float], Any]
    schema: Mapping[str, Any]
    default: Any = None
    required: bool = False


def read_time(text: str, now: float) -> str:
    """Return a time such as `30m` or `06:00` as RFC 3339; for `ApiParameter.read`. Raises ValueError."""
    # The `+` of `+01:00` arrives as a space if the client did not escape it.
    text = _SPACE_FOR_PLUS.sub(r"\1+\2", text)
    return rfc3339(parse_moment(text, now, utc=False))


@attrs.frozen(kw_only=True)
class EndpointRequest:
    """A request to an endpoint, after all checks.

    values: of all its parameters. name: the one in the path; "" without. body: the JSON value that was
    sent; None without. why_not: gets a right, and returns a sentence if the reader lacks it, else "".
    """

    values: Mapping[str, Any]
    name: str = ""
    body: Any = None
    why_not: Callable[[str], str] = lambda right: ""


@attrs.frozen
class ProcessAnswer:
    """An answer that takes long, or reads the store: a process makes it, with the limits of a search.

    work: `package.module:function`; it gets a View of the store and `values`, and yields the pieces of the
    body. It may raise RefusedRequest, QueryError and StoreError. values: as JSON can represent them.
    """

    work: str
    values: Mapping[str, Any]


Answer: TypeAlias = Union["Deferred[Any]", ProcessAnswer]
"""A Deferred fires with what JSON can represent, and may fail with RefusedRequest and StoreError."""


@attrs.frozen(kw_only=True)
class PartEndpoint:
    """A method and a path of the API. Raises ValueError if they cannot be served.

    answer: called in the reactor's thread; it may raise RefusedRequest and QueryError. body: the schema of
    the JSON value in a request; None if it has none. reply: the schema of the answer. hints: called after
    `answer`; sentences on a query that probably means something else, for the header Logsrv-Hint.
    right: what a reader
    must be allowed to, `save` or `alert`, to ask for a change by PUT, POST or DELETE; "" for all rights.
    by_process: whether `answer` gives a ProcessAnswer, which restricts itself to the lines that its reader
    may see; other endpoints refuse a reader who may not see all.
    """

    method: str
    path: str
    help: str
    answer: Callable[[EndpointRequest], Answer]
    parameters: tuple[ApiParameter, ...] = ()
    body: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] = MappingProxyType({})
    hints: Callable[[EndpointRequest], Sequence[str]] = lambda _: ()
    right: str = ""
    by_process: bool = False

    def __attrs_post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"the method of an endpoint is one of {', '.join(METHODS)}")
        if not _PATH.fullmatch(self.path):
            raise ValueError(
                f"{self.path} is not a path such as /api/colours or /api/colours{NAME}"
            )
        if (self.body is not None) != (self.method in WITH_BODY):
            raise ValueError(f"an endpoint has a body if its method is {' or '.join(WITH_BODY)}")
