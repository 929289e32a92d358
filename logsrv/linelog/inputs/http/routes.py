"""The routes of the HTTP input: which methods each path has, and how its bodies become records."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote

import attrs

from logsrv.kit.text.words import shown
from logsrv.linelog.framing.bodies import bulk, http_lines, loki, otlp
from logsrv.linelog.framing.bodies.bodies import (
    JSON,
    NO_HEADERS,
    BodyRules,
    CountSteps,
    Records,
    Reply,
    RequestRefused,
)
from logsrv.linelog.framing.events import journal

# A parser of bodies: gets the unpacked body, its type and limits, and the Records to add to. Its result is
# the answer; None if the body is lines.
BodyParser: TypeAlias = Callable[[bytes, BodyRules, Records], Generator[None, None, Reply | None]]
BodyCounter: TypeAlias = Callable[[bytes, BodyRules], CountSteps]


@attrs.frozen
class Route:
    """A way to store a body, or to answer a question that a sender asks first.

    methods: the methods of HTTP that have this route. take: makes records of a body. count: returns the
    number of records in a body that is refused for its size.
    by_type: whether a body with a Content-Type of text is stored while it arrives.
    entries: whether bodies are journal uploads, stored while they arrive, at any length, unless packed.
    about: the fixed answer to a question. coding: a Content-Encoding that `take` undoes itself.
    headers: headers of every answer. by_worker: whether workers parse large bodies. size: returns the
    unpacked size of a body, by its media type; None if the body's length is its size. own: makes a Body of
    another class from a RequestHead.
    """

    methods: tuple[bytes, ...]
    take: BodyParser | None = None
    count: BodyCounter | None = None
    by_type: bool = False
    entries: bool = False
    about: Reply | None = None
    coding: str = ""
    headers: Mapping[str, str] = NO_HEADERS
    by_worker: bool = False
    size: Callable[[bytes, str], int] | None = None
    own: Any = None


def _unpacked_loki_size(body: bytes, media: str) -> int:
    """Return the unpacked size of a push to Loki: data in snappy begins with this number."""
    if media == JSON:
        return len(body)
    size = 0
    for place, code in enumerate(body[:5]):
        size |= (code & 127) << 7 * place
        if code < 128:
            break
    return max(size, len(body))


_POSTED = Route(
    (b"POST",), http_lines.add_body_records, http_lines.count_body_records, by_type=True
)
_ABOUT = Route((b"GET", b"HEAD"), about=bulk.ABOUT, headers=bulk.HEADERS)
_LICENSE = Route((b"GET", b"HEAD"), about=bulk.LICENSE, headers=bulk.HEADERS)
_BULK = Route(
    (b"POST", b"PUT"),
    bulk.add_bulk_documents,
    bulk.count_bulk_documents,
    headers=bulk.HEADERS,
    by_worker=True,
)
_PATTERNS = (
    (re.compile(r"/[^/]+/_bulk"), "/INDEX/_bulk"),
    (re.compile(r"/blocks/[^/]+"), "/blocks/ID"),
)
ROUTES: Mapping[str, Sequence[Route]] = {
    "/INDEX/_bulk": (_BULK,),
    "/": (_POSTED, _ABOUT),
    "/lines": (_POSTED,),
    "/_bulk": (_BULK,),
    "/_license": (_LICENSE,),
    # Most senders do not name snappy in the Content-Encoding; Loki accepts both.
    "/loki/api/v1/push": (
        Route(
            (b"POST",),
            loki.add_loki_entries,
            loki.count_loki_entries,
            coding="snappy",
            by_worker=True,
            size=_unpacked_loki_size,
        ),
    ),
    "/v1/logs": (
        Route((b"POST",), otlp.add_otlp_records, otlp.count_otlp_records, by_worker=True),
    ),
}
METHODS = "GET, HEAD, POST, PUT"
"""All methods of these routes."""
JOURNAL_ROUTES: Mapping[str, Sequence[Route]] = {
    "/upload": (Route((b"POST",), journal.add_journal_entries, entries=True),)
}


def request_path(target: bytes) -> str:
    """Return the path of a request's target, percent-decoded."""
    return unquote(target.partition(b"?")[0].decode("latin-1"), errors="backslashreplace")


def find_route(method: bytes, path: str, places: Mapping[str, Sequence[Route]] = ROUTES) -> Route:
    """Return the route for a request. places: the routes of each path. Raises RequestRefused (404, 405)."""
    name = path.rstrip("/") or "/"
    for pattern, stands_for in _PATTERNS:
        if pattern.fullmatch(path):
            name = stands_for
    routes = places.get(name)
    if routes is None:
        there = ", ".join(places)
        raise RequestRefused(404, f"there is nothing at {shown(path)}, only at {there}")
    for route in routes:
        if method in route.methods:
            return route
    allowed = b", ".join(name for route in routes for name in route.methods).decode()
    why = f"only {allowed} can be done here"
    raise RequestRefused(405, why, {"Allow": allowed})
