"""The routes of pushes to Loki, and of the question whether it is ready, which Vector asks first."""

from logsrv.linelog.formats.loki.parse import add_loki_entries, count_loki_entries
from logsrv.linelog.intake.over_http.routes import Route, Routes
from logsrv.linelog.lines.bodies import Reply

_READY = Reply(200, b"ready\n", "text/plain; charset=utf-8")


def routes() -> Routes:
    """Return the routes of one listener."""
    push = Route(
        (b"POST",),
        add_loki_entries,
        count_loki_entries,
        # Most senders do not name snappy in the Content-Encoding; Loki accepts both.
        coding="snappy",
    )
    ready = Route((b"GET", b"HEAD"), ready=_READY, open=True)
    return {"/loki/api/v1/push": (push,), "/ready": (ready,)}
