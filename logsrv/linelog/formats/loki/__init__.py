"""Pushes to Grafana Loki, in JSON, and in protobuf packed by snappy.

Promtail, Alloy, Fluent Bit and Docker's driver send them. They are answered with 204.
"""

from logsrv.linelog.intake.over_http.http_format import HttpFormat
from logsrv.linelog.ship.targets.http_plugin import posting_plugin

loki = HttpFormat(
    "loki",
    "logsrv.linelog.formats.loki.input:routes",
    "pushes of Loki's clients",
)
loki_target = posting_plugin("loki", "loki", "logsrv.linelog.formats.loki.target:LokiTarget")
