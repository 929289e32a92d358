"""The routes of inputs over HTTP: which methods each path has, and how its bodies become records.

`installed_routes.py` has those of all formats. A part of a path in capitals, as in `/INDEX/_bulk`, stands
for any one part.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote

import attrs
from twisted.logger import Logger

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown
from logsrv.linelog.intake.over_http.body import Body, RequestHead
from logsrv.linelog.intake.parsing import reference_of
from logsrv.linelog.lines.bodies import (
    NO_HEADERS,
    BodyCounter,
    BodyParser,
    Reply,
    RequestRefused,
    json_line,
)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _require_reference(
    _: object, attribute: object, function: Callable[..., object] | None
) -> None:
    """Raise TypeError for a function that workers cannot import."""
    if function is not None:
        reference_of(function)


def _require_tuple(kind: type) -> Callable[[object, Any, object], None]:
    """Return a validator that raises TypeError for anything but a tuple of values of one type."""

    def require(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, tuple) or not all(isinstance(one, kind) for one in value):
            what = f"a tuple of {kind.__name__}, with a comma after a single one"
            raise TypeError(f"{attribute.name} of a Route has to be {what}, not {value!r:.60}")

    return require


def _require_header_names(_: object, attribute: object, names: tuple[str, ...]) -> None:
    """Raise ValueError for names that no header can have (RFC 9110, section 5.6.2)."""
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r:.60} is no name of a header")


@attrs.frozen
class Route:
    """A way to store a body, or to answer a question that a sender asks first.

    methods: the methods of HTTP that have this route. take: makes records of a body. count: returns the
    number of records in a body that is refused for its size. Both are functions of a module, which workers
    import by their names; any other raises TypeError.
    is_text: returns whether a body of this media type is lines, stored while it arrives; raises
    RequestRefused (415) for a type that the route does not take. about: the fixed answer to a question.
    ready: the same for a question that is refused (503) while the store takes nothing.
    coding: a Content-Encoding that `take` undoes itself. own: makes a Body of another class from a
    RequestHead; if it returns None, the body is kept until it is whole, and given to `take`.
    open: whether it needs no token. schemes: words of the `Authorization` header, in lower case, that stand
    before a token here, in addition to Bearer and Basic. token_headers: further headers that may have the
    token, such as "DD-API-KEY". The first route of a path has both for methods that have no route.
    headers: headers of every answer. done: returns the answer from that of `take`, once all records are
    safe. refuse: returns the answer for a refusal, in the words of the format; a wrong method of a path is
    refused by its first route, a missing and a wrong token are TokenMissing and TokenWrong. refuse_as: the
    same, but it gets the media type of the request's body too; it wins.
    """

    methods: tuple[bytes, ...] = attrs.field(validator=_require_tuple(bytes))
    take: BodyParser | None = attrs.field(default=None, validator=_require_reference)
    count: BodyCounter | None = attrs.field(default=None, validator=_require_reference)
    is_text: Callable[[str], bool] | None = None
    about: Reply | None = None
    ready: Reply | None = None
    coding: str = ""
    headers: Mapping[str, str] = NO_HEADERS
    own: Callable[[RequestHead], Body | None] | None = None
    open: bool = False
    schemes: tuple[bytes, ...] = attrs.field(default=(), validator=_require_tuple(bytes))
    token_headers: tuple[str, ...] = attrs.field(
        default=(), validator=[_require_tuple(str), _require_header_names]
    )
    done: Callable[[Reply, RequestHead], Reply] | None = None
    refuse: Callable[[RequestRefused], Reply] | None = None
    refuse_as: Callable[[RequestRefused, str], Reply] | None = None


NO_ROUTE = Route(())
"""The route of a request until it is found, and of one for a path that nobody has."""

Routes: TypeAlias = Mapping[str, Sequence[Route]]
"""The routes of each path; the first that has a request's method takes it."""
log = Logger()
MOST_PARAMETERS = 32
"""Further parameters of a request are ignored."""
METHODS = "GET, HEAD, POST, PUT"
"""The methods that the refusal of CONNECT and of unknown methods names."""


def request_path(target: bytes) -> str:
    """Return the path of a request's target, percent-decoded."""
    return _decoded(target.partition(b"?")[0].decode("latin-1"))


def request_query(target: bytes) -> dict[str, str]:
    """Return the parameters of a request's target, percent-decoded; of a repeated name the last."""
    query = target.partition(b"?")[2].decode("latin-1")
    pairs = (part.replace("+", " ").partition("=") for part in query.split("&")[:MOST_PARAMETERS])
    return {_decoded(name): _decoded(value) for name, _, value in pairs if name}


def _decoded(text: str) -> str:
    return unquote(text, errors="backslashreplace")


def route_of_any_token(table: Routes) -> Route:
    """Return a route for a path that does not exist: it takes the token wherever a format takes it."""
    routes = [route for each in table.values() for route in each]
    return Route(
        (),
        token_headers=tuple(dict.fromkeys(name for one in routes for name in one.token_headers)),
        schemes=tuple(dict.fromkeys(name for one in routes for name in one.schemes)),
    )


def find_route(method: bytes, path: str, table: Routes) -> Route:
    """Return the route for a request. Raises RequestRefused (404, 405)."""
    routes = routes_at(path, table)
    if not routes:
        there = ", ".join(sorted(table))
        raise RequestRefused(404, f"there is nothing at {shown(path)}, only at {there}")
    route = route_for(method, routes)
    if route is None:
        allowed = b", ".join(name for route in routes for name in route.methods).decode()
        why = f"only {allowed} can be done here"
        raise RequestRefused(405, why, {"Allow": allowed})
    return route


def routes_at(path: str, table: Routes) -> Sequence[Route]:
    """Return the routes of a path; none if there is nothing."""
    found = table.get(path.rstrip("/") or "/")
    return found or next((there for pattern, there in table.items() if _fits(path, pattern)), ())


def route_for(method: bytes, routes: Sequence[Route]) -> Route | None:
    """Return the first route that has a method."""
    return next((route for route in routes if method in route.methods), None)


def _fits(path: str, pattern: str) -> bool:
    """Return whether each part of a path is that of a pattern, whose parts in capitals stand for any."""
    parts, ones = path.split("/"), pattern.split("/")
    pairs = zip(parts, ones, strict=False)
    return len(parts) == len(ones) and all(
        part == one or (part != "" and one.isupper()) for part, one in pairs
    )


def refusal_reply(route: Route, refusal: RequestRefused, media: str) -> Reply:
    """Return the answer to a refused request, in the words of its route's format, else in ours.

    media: the type of its body.
    """
    try:
        if route.refuse_as is not None:
            return route.refuse_as(refusal, media)
        if route.refuse is not None:
            return route.refuse(refusal)
    except Exception:
        log.failure("wording a refusal failed")
    body = json_line(error=one_line(str(refusal)), status=refusal.status)
    return Reply(refusal.status, body, headers=refusal.headers)


_SCHEMES = (b"bearer", b"basic")


class TokenMissing(RequestRefused):
    """The refusal (401) of a request without a token."""


class TokenWrong(RequestRefused):
    """The refusal (401) of a request with another token."""


def challenges(schemes: Collection[bytes]) -> list[str]:
    """Return the values of `WWW-Authenticate` for a path. schemes: those beside Bearer and Basic."""
    return [f'{one.decode().title()} realm="logsrv"' for one in (*_SCHEMES, *schemes)]


def check_token(
    header: Callable[[bytes], bytes | None], tokens: Collection[str], route: Route = NO_ROUTE
) -> None:
    """Raise TokenMissing or TokenWrong unless a request has one of the tokens, or there are none.

    header: returns a header of the request by its name. route: says where its format has the token.
    """
    if not tokens:
        return
    values = [(header(name.encode()) or b"").strip() for name in route.token_headers]
    given = [value for value in values if value]
    authorized = _token_in(header(b"Authorization") or b"", route.schemes)
    if authorized is not None:
        given.append(authorized)
    if not given:
        own = "".join(f"{name}: TOKEN, or " for name in route.token_headers)
        usual = "Authorization: Bearer TOKEN, or as the password of Basic"
        raise TokenMissing(401, f"a token is needed: {own}{usual}")
    # All are compared, so that the time does not tell which one is near.
    same = [hmac.compare_digest(one, token.encode()) for one in given for token in tokens]
    if not any(same):
        raise TokenWrong(401, "the token is wrong")


def _token_in(header: bytes, schemes: Collection[bytes]) -> bytes | None:
    scheme, _, rest = header.strip().partition(b" ")
    if scheme.lower() == b"bearer" or scheme.lower() in schemes:
        return rest.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return None
