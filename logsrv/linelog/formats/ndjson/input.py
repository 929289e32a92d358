"""The routes of lines, JSON and forms."""

from logsrv.linelog.formats.ndjson.parse import (
    add_body_records,
    body_parser,
    count_body_records,
)
from logsrv.linelog.intake.over_http.routes import Route, Routes


def routes() -> Routes:
    """Return the routes of one listener."""
    posted = Route((b"POST",), add_body_records, count_body_records, is_text=_is_text)
    return {"/": (posted,), "/lines": (posted,)}


def _is_text(media: str) -> bool:
    return body_parser(media) is None
