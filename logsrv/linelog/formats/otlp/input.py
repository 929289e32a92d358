"""The route of logs by OTLP."""

from logsrv.linelog.formats.http.routes import Route, Routes
from logsrv.linelog.formats.otlp.parse import add_otlp_records, count_otlp_records


def routes() -> Routes:
    """Return the routes of one listener."""
    return {"/v1/logs": (Route((b"POST",), add_otlp_records, count_otlp_records),)}
