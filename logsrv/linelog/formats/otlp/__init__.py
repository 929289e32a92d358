"""Logs of OpenTelemetry by OTLP over HTTP, in protobuf and JSON: SDKs and the collector send them.

They are answered with 200 and an empty response, as OTLP asks.
"""

from logsrv.linelog.formats.http.routes import HttpFormat

otlp = HttpFormat(
    "otlp",
    "logsrv.linelog.formats.otlp.input:routes",
    "OpenTelemetry",
)
