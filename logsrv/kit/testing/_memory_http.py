"""Requests by HTTP to a service in memory: their bytes, and the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from types import MappingProxyType
from typing import Any

import attrs

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@attrs.frozen
class MemoryAnswer:
    """An answer by HTTP. headers: found by a name in any case. body: without the marks of chunks."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """Return the value of a body in JSON. Raises ValueError for any other."""
        return json.loads(self.body)


class _ReceivedBytes:
    """Replaces the socket from which `HTTPResponse` reads."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._data)


def http_request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
) -> bytes:
    """Return a request by HTTP/1.1, for `MemoryPeer.feed` or `conformance`.

    headers: in addition to Host and Content-Length, which they may replace.
    """
    given = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in given.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + body


def parse_answer(data: bytes, method: str, ended: bool) -> MemoryAnswer | None:
    """Return the first answer in the bytes of a server; None while it is not complete.

    method: of the request, because the answer to HEAD has no body. ended: whether the server sends no more,
    which ends a body without a length. Raises AssertionError for no HTTP.
    """
    received: Any = _ReceivedBytes(data)
    response = HTTPResponse(received, method=method)
    try:
        response.begin()
        if response.length is None and not response.chunked and not ended:
            return None
        return MemoryAnswer(response.status, response.msg, response.read())
    except HTTPException as error:
        if data and not data.startswith(b"HTTP/"):
            raise AssertionError(f"{data[:200]!r} is no answer by HTTP") from error
        return None
