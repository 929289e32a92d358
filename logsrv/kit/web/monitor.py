"""The metrics and the health of a service over HTTP: /metrics, /healthz, /readyz, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import attrs
from twisted.logger import Logger

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown
from logsrv.kit.web.access import is_allowed_host, is_loopback
from logsrv.kit.web.channel import WebRequest

log = Logger()

JSON = "application/json"
READING = (b"GET", b"HEAD")


@attrs.frozen
class MonitorReply:
    """An answer: the HTTP status, the body, and the content type."""

    status: int
    body: bytes
    type: str = JSON


def error_reply(status: int, sentence: str) -> MonitorReply:
    """Return an answer that is one sentence, as JSON: `{"error": "…"}`."""
    return MonitorReply(status, json.dumps({"error": one_line(sentence)}).encode() + b"\n")


class Monitor:
    """Answers HTTP requests about one service; `handle` is called for each, in the reactor's thread.

    unhealthy, unready: return the reasons, a sentence each, why /healthz and /readyz answer 503; an empty
    list if all is well.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        unhealthy: Callable[[], list[str]],
        unready: Callable[[], list[str]],
    ) -> None:
        # Not at the top: it takes a tenth of a second, which a service without --metrics need not wait. Not
        # at the first request: by then root's rights are gone, and maybe only root can read the modules.
        from logsrv.kit.observe._prometheus import exposition

        self._answers: dict[str, Callable[[], MonitorReply]] = {
            "/metrics": lambda: MonitorReply(200, *exposition(metrics)),
            "/healthz": lambda: _health_reply(unhealthy()),
            "/readyz": lambda: _health_reply(unready()),
        }

    def answer(self, path: str) -> MonitorReply | None:
        """Return the present answer for `path`; None if there is no such path."""
        make = self._answers.get(path)
        return None if make is None else make()

    def handle(self, request: WebRequest) -> None:
        """Answer a request at a listener that serves nothing but /metrics, /healthz and /readyz."""
        try:
            answer = self._answer(request)
        except Exception:
            log.failure("answering a request failed")
            answer = error_reply(500, "the server has failed; its log says why")
        request.begin_answer(answer.status, answer.type)
        request.end_answer(answer.body)

    def _answer(self, request: WebRequest) -> MonitorReply:
        if refusal := request.refusal:
            for name, value in refusal.headers.items():
                request.setHeader(name, value)
            return error_reply(refusal.status, refusal.sentence)
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        local = is_loopback(getattr(request.getHost(), "host", None))
        # Every browser sends a Host header, so a request without one does not come from a page.
        if hosts and not is_allowed_host(hosts[0], (), local):
            return error_reply(403, "the Host header of this request does not name localhost")
        if request.method not in READING:
            request.setHeader("Allow", "GET, HEAD")
            return error_reply(405, "only GET and HEAD are allowed here")
        if request.has_body:
            request.browser.persistent = 0
            request.setHeader("Connection", "close")
            return error_reply(413, "a request for this must not have a body")
        path = request.path.decode("latin-1")
        nothing = f"there is nothing at {shown(path)}, only {', '.join(self._answers)}"
        return self.answer(path) or error_reply(404, nothing)


def _health_reply(reasons: list[str]) -> MonitorReply:
    if reasons:
        return error_reply(503, "; ".join(reasons))
    return MonitorReply(200, b'{"status": "ok"}\n')
