"""Pushes to Grafana Loki, in JSON, and in protobuf packed by snappy.

Promtail, Alloy, Fluent Bit and Docker's driver send them. They are answered with 204.
"""

from logsrv.linelog.formats.http.routes import HttpFormat

loki = HttpFormat(
    "loki",
    "logsrv.linelog.formats.loki.input:routes",
    "pushes of Loki's clients",
)
