"""The endpoints of other parts (parts/endpoints.py): found by their paths, and described in OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from twisted.logger import Logger

from logsrv.kit.text.words import shown
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.bodies import json_body, name_in_path
from logsrv.linelog.http.endpoints import (
    BY_PATH,
    NAME_IN_PATH,
    SAVED,
    AnyEndpoint,
    ApiEndpoint,
    openapi_operation,
    parse_parameters,
)
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.readers.reader import Reader
from logsrv.linelog.http.responses import set_hints
from logsrv.linelog.leaves import missing_leaves
from logsrv.linelog.parts.endpoints import (
    NAME,
    Answer,
    EndpointRequest,
    PartEndpoint,
    ProcessAnswer,
)

log = Logger()


class KnownPath(NamedTuple):
    """A path, up to a name, and its endpoints by their methods."""

    before: str
    methods: dict[str, PartEndpoint]

    @property
    def allowed(self) -> list[str]:
        """The methods, with HEAD for GET."""
        return [*self.methods, *(["HEAD"] if "GET" in self.methods else [])]

    def ask(self, request: WebRequest, now: float, reader: Reader) -> Answer:
        """Return the answer to a request, after all checks. Raises RefusedRequest and QueryError.

        A reader who sees only some lines gets what a searching process answers: that reads no others.
        """
        method = request.method.decode("latin-1")
        endpoint = self.methods["GET" if method == "HEAD" else method]
        if endpoint.method != "GET":
            reader.require(endpoint.right)
        if not endpoint.by_process:
            reader.require_all_lines(endpoint.path)
        values = parse_parameters(
            endpoint.path, endpoint.parameters, request.uri.partition(b"?")[2], now
        )
        name = name_in_path(request, self.before) if endpoint.path.endswith(NAME) else ""
        body = None
        if endpoint.body is not None:
            try:
                body = json_body(request)
            except ValueError as error:
                raise Problem(400, f"the body is {error}") from None
        asked = EndpointRequest(values=values, name=name, body=body, why_not=reader.why_not)
        answer = endpoint.answer(asked)
        if not isinstance(answer, ProcessAnswer):
            reader.require_all_lines(endpoint.path)
        set_hints(request, endpoint.hints(asked))
        return answer


class PartEndpoints:
    """The endpoints of other parts. One with a path of ours is left out, and logged."""

    def __init__(self, endpoints: Iterable[PartEndpoint]) -> None:
        self._paths: dict[str, KnownPath] = {}
        for one in endpoints:
            before = one.path.removesuffix("{name}")
            if before in BY_PATH or before.startswith(f"{SAVED}/"):
                log.error("{path} of a part is left out: the server has it", path=one.path)
                continue
            self._paths.setdefault(before, KnownPath(before, {})).methods[one.method] = one

    def find(self, path: str) -> KnownPath | None:
        """Return the endpoints at a path; None without."""
        return self._paths.get(path) or self._paths.get(path[: path.rfind("/") + 1])

    def openapi_paths(self) -> dict[str, Any]:
        """Return the description of all for OpenAPI."""
        found: dict[str, Any] = {}
        for known in self._paths.values():
            for method, one in known.methods.items():
                found.setdefault(one.path, {})[method.lower()] = _operation(one)
        return found


def _operation(endpoint: PartEndpoint) -> Mapping[str, Any]:
    plain: AnyEndpoint = ApiEndpoint(endpoint.path, endpoint.help, dict, endpoint.parameters)
    found = openapi_operation(plain, endpoint.reply)
    words = endpoint.path.removeprefix("/api/").removesuffix(NAME).replace("/", "_")
    found["operationId"] = (
        words if endpoint.method == "GET" else f"{endpoint.method}_{words}".lower()
    )
    if endpoint.path.endswith(NAME):
        found["parameters"] = [NAME_IN_PATH, *found["parameters"]]
    if endpoint.body is not None:
        content = {"application/json": {"schema": dict(endpoint.body)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def nothing_at(path: str) -> Problem:
    """Return the problem of a path without an endpoint: 404. It names a part that was taken away."""
    for leaf in missing_leaves():
        if any(path == one or path.startswith(f"{one}/") for one in leaf.paths):
            return Problem(404, leaf.absence_of(path))
    return Problem(404, f"there is nothing at {shown(path)}")
