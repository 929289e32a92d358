"""Aliases: where JSON has what a syslog header says, so that one query finds records of all inputs."""

from __future__ import annotations

ALIASES = {
    "app": (
        *("SYSLOG_IDENTIFIER", "_COMM", "resource.service.name", "service.name", "_app", "logger"),
        "tag",
    ),
    "hostname": ("_HOSTNAME", "resource.host.name", "host.name", "host"),
    "pid": ("SYSLOG_PID", "_PID", "resource.process.pid", "process.pid", "_pid", "process"),
    "timestamp": ("@timestamp", "time", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
}
"""By the name in a query, the keys that are asked where neither content nor header has it, in order."""
