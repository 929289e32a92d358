"""Problems: answers that consist of a status and one sentence, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.parts.endpoints import RefusedRequest

# Seconds after which a client may repeat a request that was refused because there were too many.
RETRY_AFTER = 2


class Problem(RefusedRequest):
    """A failed request, and its answer. headers: additional headers of the answer."""

    def __init__(
        self,
        status: int,
        sentence: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        at: int | None = None,
    ) -> None:
        super().__init__(status, sentence, at=at)
        self.headers = headers

    @classmethod
    def of_body(cls, status: int, body: bytes) -> Problem:
        """Return the problem with a status and a `body`."""
        found = json.loads(body)
        return cls(status, found["error"], at=found.get("at"))

    @classmethod
    def of_refusal(cls, refusal: RefusedRequest) -> Problem:
        """Return the problem of a refusal by a part."""
        if isinstance(refusal, Problem):
            return refusal
        return cls(refusal.status, str(refusal), at=refusal.at)

    @property
    def body(self) -> bytes:
        """The JSON object of the error, in one line."""
        found: dict[str, object] = {"error": one_line(str(self))}
        if self.at is not None:
            found["at"] = self.at
        return json.dumps(found).encode() + b"\n"


STOPPING = Problem(503, "the server is being stopped")


def query_problem(error: QueryError) -> Problem:
    """Return the problem (400) of a wrong query."""
    return Problem(400, error.sentence, at=error.at or None)


def too_many_problem(sentence: str, seconds: int = RETRY_AFTER) -> Problem:
    """Return the problem (429) that one client, or all together, make too many requests.

    seconds: the time after which the client may try again.
    """
    return Problem(429, sentence, {"Retry-After": str(seconds)})
