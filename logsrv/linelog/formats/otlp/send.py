"""Stored lines as an OTLP/HTTP request in JSON, and the reading of its answer (sans-IO).

A resource is a program on a machine (`service.name`, `host.name`). The body of a record is MESSAGE; its
attribute `logsrv.source` is SOURCE. The format is JSON, because every receiver of OTLP/HTTP must accept it,
and it needs no further package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.outgoing import OutgoingLines

_NANOSECONDS = 1000
SEVERITIES: Mapping[str, int] = dict(zip(LEVELS, (5, 9, 10, 13, 17, 21, 22, 24), strict=True))
"""The severity number of each level."""
_SHOWN = 200


def export_request(lines: OutgoingLines) -> bytes:
    """Return the body of a request."""
    resources: dict[tuple[str | None, str | None], list[dict[str, Any]]] = {}
    columns = (
        lines.apps,
        lines.hostnames,
        lines.moments,
        lines.levels,
        lines.message_texts,
        lines.sources,
    )
    for app, host, moment, level, text, source in zip(*columns, strict=True):
        time = str(moment * _NANOSECONDS)
        record: dict[str, Any] = {"timeUnixNano": time, "observedTimeUnixNano": time}
        if level is not None:
            record["severityNumber"] = SEVERITIES[level]
            record["severityText"] = level
        record["body"] = {"stringValue": text}
        if source:
            record["attributes"] = [_attribute("logsrv.source", source)]
        resources.setdefault((app, host), []).append(record)
    logs = [
        {
            "resource": {"attributes": _resource_attributes(app, host)},
            "scopeLogs": [{"scope": {"name": "logsrv"}, "logRecords": records}],
        }
        for (app, host), records in resources.items()
    ]
    return orjson.dumps({"resourceLogs": logs})


def rejected_count_and_reason(answer: bytes) -> tuple[int, str]:
    """Return how many records an answer with a 2xx status rejects, and why."""
    try:
        partial = orjson.loads(answer)["partialSuccess"]
        # protobuf's JSON writes a number of 64 bits as text.
        number = int(partial.get("rejectedLogRecords") or 0)
        why = partial.get("errorMessage") or ""
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0, ""
    return max(0, number), one_line(str(why), _SHOWN)


def _resource_attributes(app: str | None, host: str | None) -> list[dict[str, Any]]:
    named = (("service.name", app), ("host.name", host))
    return [_attribute(name, value) for name, value in named if value]


def _attribute(name: str, text: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": text}}
