"""The description has every path and parameter."""

from __future__ import annotations

import json

from logsrv.linelog.http.endpoints import ENDPOINTS
from logsrv.linelog.http.openapi import document


def test_every_endpoint_is_in_it() -> None:
    found = json.loads(json.dumps(document()))
    assert list(found["paths"]) == [endpoint.path for endpoint in ENDPOINTS]
    for endpoint in ENDPOINTS:
        operation = found["paths"][endpoint.path]["get"]
        assert [one["name"] for one in operation["parameters"]] == [
            one.name for one in endpoint.parameters
        ]
        assert operation["summary"] and all(one["description"] for one in operation["parameters"])
    ids = [path["get"]["operationId"] for path in found["paths"].values()]
    assert len(set(ids)) == len(ids)
