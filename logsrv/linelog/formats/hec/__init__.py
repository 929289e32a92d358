"""Events for Splunk's HTTP Event Collector.

Log drivers of containers, collectors and loggers send them. Each answer has a text and a code.
"""

from logsrv.linelog.intake.over_http.http_format import HttpFormat

hec = HttpFormat(
    "hec", "logsrv.linelog.formats.hec.input:routes", "events for Splunk's collector (HEC)"
)
