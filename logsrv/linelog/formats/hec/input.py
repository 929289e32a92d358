"""The routes of an HTTP Event Collector: events, raw lines, acknowledgements, health.

POST /services/collector, …/event, …/event/1.0    events in JSON
POST /services/collector/raw, …/raw/1.0           lines
POST /services/collector/ack                      whether the records of an `ackId` are safe
GET  /services/collector/health, …/health/1.0     whether the store takes records
OPTIONS                                           200, before the first events of some senders
"""

from __future__ import annotations

import json

from logsrv.linelog.formats.hec.parse import (
    Answer,
    add_hec_events,
    add_hec_lines,
    count_hec_events,
    count_hec_lines,
    find_asked_ids,
)
from logsrv.linelog.intake.over_http.body import RequestHead
from logsrv.linelog.intake.over_http.routes import Route, Routes, TokenMissing, TokenWrong
from logsrv.linelog.lines.bodies import Reply, RequestRefused
from logsrv.linelog.lines.json_made import as_json

_BASE = "/services/collector"
# The word before the token in `Authorization`.
_SCHEMES = (b"splunk",)
_EVENT_PATHS = ("", "/event", "/event/1.0")
_RAW_PATHS = ("/raw", "/raw/1.0")
_HEALTH_PATHS = ("/health", "/health/1.0")


# By the HTTP status of a refusal.
_ANSWERS = {
    400: Answer.INVALID_FORMAT,
    405: Answer.NOT_ALLOWED,
    413: Answer.TOO_LARGE,
    415: Answer.INVALID_FORMAT,
    503: Answer.BUSY,
}


class AckIds:
    """The ids of acknowledgements of one listener.

    A request is answered when its records are safe, so each id given is that of safe records. All channels
    share one counter: then their number costs no memory. A restart begins at 0 again; for an id from before
    it a sender is told false, and sends again.
    """

    def __init__(self) -> None:
        self._next = 0

    def add_id(self, reply: Reply, head: RequestHead) -> Reply:
        """Return a success with a new `ackId`, if the request has a channel; any other answer unchanged."""
        if reply.status != 200 or not _channel(head):
            return reply
        number, self._next = self._next, self._next + 1
        return Answer.SUCCESS.reply(ackId=number)

    def answer_question(self, reply: Reply, head: RequestHead) -> Reply:
        """Return which ids are those of safe records. reply: has the ids, as a list in JSON."""
        if reply.status != 200:
            return reply
        if not _channel(head):
            return Answer.NO_CHANNEL.reply()
        asked = json.loads(reply.body)
        return Reply(200, as_json({"acks": {str(one): 0 <= one < self._next for one in asked}}))


def routes() -> Routes:
    """Return the routes of one listener."""
    ids = AckIds()
    post = (b"POST",)
    probe = Route((b"OPTIONS",), about=Reply(200, headers={"Allow": "POST"}), open=True)
    events = Route(
        post,
        add_hec_events,
        count_hec_events,
        schemes=_SCHEMES,
        done=ids.add_id,
        refuse=_refuse,
    )
    lines = Route(
        post,
        add_hec_lines,
        count_hec_lines,
        schemes=_SCHEMES,
        done=ids.add_id,
        refuse=_refuse,
    )
    asked = Route(post, find_asked_ids, schemes=_SCHEMES, done=ids.answer_question, refuse=_refuse)
    health = Route(
        (b"GET", b"HEAD"),
        ready=Answer.HEALTHY.reply(),
        open=True,
        refuse=_refuse_as_unhealthy,
    )
    return {
        **{_BASE + path: (events, probe) for path in _EVENT_PATHS},
        **{_BASE + path: (lines, probe) for path in _RAW_PATHS},
        **{_BASE + path: (health,) for path in _HEALTH_PATHS},
        f"{_BASE}/ack": (asked,),
    }


def _channel(head: RequestHead) -> str:
    return head.header("X-Splunk-Request-Channel") or head.query.get("channel", "")


def _refuse(refusal: RequestRefused) -> Reply:
    """Return the answer to a refused request."""
    if isinstance(refusal, TokenMissing):
        return Answer.NO_TOKEN.reply()
    if isinstance(refusal, TokenWrong):
        return Answer.INVALID_TOKEN.reply()
    # The text about a busy server says everything.
    more = {} if refusal.status == 503 else {"error": str(refusal)}
    found = _ANSWERS.get(refusal.status, Answer.SERVER_ERROR).reply(**more)
    return Reply(refusal.status, found.body, headers=refusal.headers)


def _refuse_as_unhealthy(refusal: RequestRefused) -> Reply:
    """Return the answer to a refused question for the health."""
    if refusal.status != 503:
        return _refuse(refusal)
    return Reply(503, Answer.UNHEALTHY.reply().body, headers=refusal.headers)
