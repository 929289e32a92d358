"""The route of pushes to Loki."""

from logsrv.linelog.formats.http.routes import Route, Routes
from logsrv.linelog.formats.loki.parse import add_loki_entries, count_loki_entries
from logsrv.linelog.lines.bodies import JSON


def routes() -> Routes:
    """Return the routes of one listener."""
    push = Route(
        (b"POST",),
        add_loki_entries,
        count_loki_entries,
        # Most senders do not name snappy in the Content-Encoding; Loki accepts both.
        coding="snappy",
        by_worker=True,
        size=_unpacked_size,
    )
    return {"/loki/api/v1/push": (push,)}


def _unpacked_size(body: bytes, media: str) -> int:
    """Return the unpacked size of a push: data in snappy begins with this number."""
    if media == JSON:
        return len(body)
    size = 0
    for place, code in enumerate(body[:5]):
        size |= (code & 127) << 7 * place
        if code < 128:
            break
    return max(size, len(body))
