"""The answers of an HTTP Event Collector: a text with a code, as Splunk's documentation lists them."""

from __future__ import annotations

from typing import Any

from logsrv.linelog.formats.http.token import TokenMissing, TokenWrong
from logsrv.linelog.lines.bodies import Reply, RequestRefused
from logsrv.linelog.lines.json_made import as_json

SUCCESS = 0
NO_TOKEN = 2
INVALID_TOKEN = 4
NO_DATA = 5
INVALID_FORMAT = 6
SERVER_ERROR = 8
BUSY = 9
NO_CHANNEL = 10
NO_EVENT = 12
BLANK_EVENT = 13
HEALTHY = 17
UNHEALTHY = 18
TOO_LARGE = 27

# By code: the HTTP status, and the text.
_ANSWERS = {
    SUCCESS: (200, "Success"),
    NO_TOKEN: (401, "Token is required"),
    INVALID_TOKEN: (403, "Invalid token"),
    NO_DATA: (400, "No data"),
    INVALID_FORMAT: (400, "Invalid data format"),
    SERVER_ERROR: (500, "Internal server error"),
    BUSY: (503, "Server is busy"),
    NO_CHANNEL: (400, "Data channel is missing"),
    NO_EVENT: (400, "Event field is required"),
    BLANK_EVENT: (400, "Event field cannot be blank"),
    HEALTHY: (200, "HEC is healthy"),
    UNHEALTHY: (503, "HEC is unhealthy, queues are full"),
    TOO_LARGE: (413, "Request entity too large"),
}
# By the HTTP status of a refusal: the code.
_CODES = {
    400: INVALID_FORMAT,
    413: TOO_LARGE,
    415: INVALID_FORMAT,
    503: BUSY,
}


def reply(code: int, **more: Any) -> Reply:
    """Return the answer with this code. more: further members of its object."""
    status, text = _ANSWERS[code]
    return Reply(status, as_json({"text": text, "code": code, **more}))


def refuse(refusal: RequestRefused) -> Reply:
    """Return the answer to a refused request."""
    if isinstance(refusal, TokenMissing):
        return reply(NO_TOKEN)
    if isinstance(refusal, TokenWrong):
        return reply(INVALID_TOKEN)
    # The text about a busy server says everything.
    more = {} if refusal.status == 503 else {"error": str(refusal)}
    found = reply(_CODES.get(refusal.status, SERVER_ERROR), **more)
    return Reply(refusal.status, found.body, headers=refusal.headers)


def refuse_as_unhealthy(refusal: RequestRefused) -> Reply:
    """Return the answer to a refused question for the health."""
    if refusal.status != 503:
        return refuse(refusal)
    return Reply(503, reply(UNHEALTHY).body, headers=refusal.headers)
