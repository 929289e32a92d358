"""Aliases: the keys of JSON and logfmt for fields of a syslog header, so that one query finds them all."""

from __future__ import annotations

ALIASES = {
    "app": (
        *("SYSLOG_IDENTIFIER", "CONTAINER_NAME", "_COMM", "resource.service.name", "service.name"),
        *("service", "service_name", "_app", "appname", "program", "programname"),
        *("attrs.tag", "kubernetes.container_name", "_container_name", "_tag"),
        *("name", "logger", "log.logger", "logger_name", "tag", "container_name"),
    ),
    "hostname": ("_HOSTNAME", "resource.host.name", "host.name", "host"),
    "pid": ("SYSLOG_PID", "_PID", "resource.process.pid", "process.pid", "_pid", "process"),
    "timestamp": ("@timestamp", "time", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
}
"""By field name: the keys to try in order if neither the content nor a header has that name."""

IN_LOG_RECORDS = frozenset(("name",))
"""Keys that are tried only in a record with a level: in other records they mean other things."""
