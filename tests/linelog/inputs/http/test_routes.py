"""Paths of the HTTP input: what can be done where."""

from __future__ import annotations

import pytest

from logsrv.linelog.framing.bodies.bodies import RequestRefused
from logsrv.linelog.inputs.http.routes import path_of, route_of


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        (b"POST", "/", True),
        (b"POST", "/lines/", True),
        (b"GET", "/", False),
        (b"HEAD", "/", False),
        (b"GET", "/_license", False),
        (b"POST", "/_bulk", False),
        (b"PUT", "/logs-2026/_bulk", False),
        (b"POST", "/loki/api/v1/push", False),
        (b"POST", "/v1/logs", False),
    ],
)
def test_what_there_is(method: bytes, path: str, text: bool) -> None:
    route = route_of(method, path)
    assert route.by_type is text and (route.take is None) is (route.about is not None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (b"DELETE", "/", 405),
        (b"GET", "/lines", 405),
        (b"GET", "/x/_bulk", 405),
        (b"POST", "/_license", 405),
        (b"POST", "/a/b/_bulk", 404),
        (b"POST", "/\x1b[1m", 404),
    ],
)
def test_what_there_is_not(method: bytes, path: str, status: int) -> None:
    with pytest.raises(RequestRefused) as refused:
        route_of(method, path)
    assert refused.value.status == status and "\x1b" not in str(refused.value)


def test_paths_without_what_is_behind_them() -> None:
    assert path_of(b"/a%20b/_bulk?refresh=true") == "/a b/_bulk"
