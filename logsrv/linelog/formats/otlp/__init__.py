"""Logs of OpenTelemetry by OTLP over HTTP, in protobuf and JSON: SDKs and the collector send them.

They are answered with 200 and an empty response, as OTLP asks.
"""

from logsrv.linelog.intake.over_http.http_format import HttpFormat
from logsrv.linelog.ship.targets.http_plugin import posting_plugin

otlp = HttpFormat(
    "otlp",
    "logsrv.linelog.formats.otlp.input:routes",
    "OpenTelemetry",
)
otlp_target = posting_plugin("otlp", "otlp", "logsrv.linelog.formats.otlp.target:OtlpTarget")
