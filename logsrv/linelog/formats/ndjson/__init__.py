"""Bodies of lines, JSON, JSON lines (NDJSON) or a form, at `/` and `/lines` of the `http` input.

The answer says how many records are stored: {"accepted": 3, "as_text": 0}.
"""

from logsrv.linelog.formats.http.routes import HttpFormat

ndjson = HttpFormat(
    "ndjson",
    "logsrv.linelog.formats.ndjson.input:routes",
    "lines, JSON, JSON lines and forms",
)
