"""The `http` input: the server, whose routes are those of the formats over HTTP (`HttpFormat`).

A request is answered when its records are safe. A connection has one request at a time; large bodies are
parsed by plain functions, large ones in workers.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP

http = InputFormat(
    "http",
    "logsrv.linelog.formats.http.input:Http",
    "over HTTP, each format at its own paths:",
    options=OVER_HTTP,
)
