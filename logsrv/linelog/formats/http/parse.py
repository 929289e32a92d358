"""Parse a whole body: it is unpacked, and the parser of its route makes the records (sans-IO)."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus

from logsrv.kit.plugins import call_object
from logsrv.linelog.formats.http import content_encoding
from logsrv.linelog.formats.http.routes import Route, Routes, find_route
from logsrv.linelog.lines.bodies import BodyRules, Records, Reply, RequestRefused
from logsrv.linelog.lines.inflated import in_pieces


def parse_body(body: bytes, rules: BodyRules, records: Records) -> Reply | None:
    """Parse a body in a worker, on the route of its path; as `parse_on_route`."""
    route = find_route(b"POST", rules.path, _routes(rules.routes))
    return parse_on_route(route, body, rules, records)


@cache
def _routes(place: str) -> Routes:
    found: Routes = call_object(place)
    return found


def parse_on_route(route: Route, body: bytes, rules: BodyRules, records: Records) -> Reply | None:
    """Unpack and parse a body, and add its records; the result is None if it is lines.

    Raises RequestRefused, with the number of records if it can be known.
    """
    assert route.take is not None
    if rules.coding:
        body = _unpack(body, rules)
    rules.check_unpacked(len(body))
    try:
        return route.take(body, rules, records)
    except RequestRefused as refusal:
        if refusal.records is None:
            # Free the values of the body, which the frames of the traceback hold: they are parsed again.
            refusal.__traceback__ = None
            refusal.records = _count_refused(refusal, route, body, rules, records)
        raise


def _unpack(body: bytes, rules: BodyRules) -> bytes:
    packed, size = list(in_pieces(body)), 0
    # Check the unpacked size first, with only a piece at a time in memory.
    for piece in content_encoding.unpacked_pieces(packed, rules.coding, rules.max_body):
        size += len(piece)
        rules.check_unpacked(size)
    return b"".join(content_encoding.unpacked_pieces(packed, rules.coding, rules.max_body))


def _count_refused(
    refusal: RequestRefused, route: Route, body: bytes, rules: BodyRules, records: Records
) -> int:
    """Return how many records a refused body has. Behind a fault (400) no more can be found."""
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and route.count is not None:
        try:
            return route.count(body, rules)
        except RequestRefused:
            # It is invalid as well, or even too large to look at.
            pass
    return records.count_if_refused_here
