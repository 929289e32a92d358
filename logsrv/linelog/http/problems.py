"""Problems: answers that are nothing but a status and one sentence, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from logsrv.errors import PeerError, QueryError
from logsrv.kit.text.escape import one_line

# Seconds after which a client may ask again what was too much just now.
RETRY_AFTER = 2


class Problem(PeerError):
    """A request that gets no other answer.

    status: of HTTP. at: the column of the query that is wrong, from 1; None where there is none.
    headers: those of the answer beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        at: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers
        self.at = at

    @property
    def body(self) -> bytes:
        """The JSON object in which every error is told, one line."""
        found: dict[str, object] = {"error": one_line(str(self))}
        if self.at is not None:
            found["at"] = self.at
        return json.dumps(found).encode() + b"\n"


STOPPING = Problem(503, "the server is being stopped")


def wrong_query(error: QueryError) -> Problem:
    """Return the problem that a wrong query is."""
    return Problem(400, error.sentence, at=error.at)


def too_many(sentence: str, seconds: int = RETRY_AFTER) -> Problem:
    """Return the problem of a client, or of all clients together, that ask too much."""
    return Problem(429, sentence, {"Retry-After": str(seconds)})
