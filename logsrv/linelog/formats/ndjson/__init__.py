"""Bodies of lines, JSON, JSON lines (NDJSON) or a form, at `/` and `/lines` of the `http` input.

The answer says how many records are stored: {"accepted": 3, "as_text": 0}.
"""

from logsrv.linelog.intake.over_http.http_format import HttpFormat
from logsrv.linelog.ship.targets.http_plugin import posting_plugin

ndjson = HttpFormat(
    "ndjson",
    "logsrv.linelog.formats.ndjson.input:routes",
    "lines, JSON, JSON lines and forms",
)
ndjson_target = posting_plugin(
    "ndjson", "ndjson", "logsrv.linelog.formats.ndjson.target:NdjsonTarget"
)
