"""The route of pushes to Loki."""

from logsrv.linelog.formats.http.routes import Route, Routes
from logsrv.linelog.formats.loki.parse import add_loki_entries, count_loki_entries


def routes() -> Routes:
    """Return the routes of one listener."""
    push = Route(
        (b"POST",),
        add_loki_entries,
        count_loki_entries,
        # Most senders do not name snappy in the Content-Encoding; Loki accepts both.
        coding="snappy",
    )
    return {"/loki/api/v1/push": (push,)}
