"""The description of the API as OpenAPI 3.1, out of its table."""

from __future__ import annotations

from typing import Any

from logsrv import __version__
from logsrv.linelog.http.endpoints import ENDPOINTS, ApiEndpoint, Parameter

_ERROR = {
    "description": "What is wrong, and where in the query",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"type": "string"},
                    "at": {"type": "integer", "minimum": 1},
                },
            }
        }
    },
}


def document() -> dict[str, Any]:
    """Return the description, for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "logsrv", "version": __version__},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {one.path: {"get": _operation(one)} for one in ENDPOINTS},
    }


def _operation(endpoint: ApiEndpoint) -> dict[str, Any]:
    return {
        "operationId": endpoint.name.partition(".")[0],
        "summary": endpoint.help,
        "security": [{}] if endpoint.open else [{"token": []}, {}],
        "parameters": [_parameter(one) for one in endpoint.parameters],
        "responses": {
            "200": {
                "description": "OK",
                "content": {endpoint.type.partition(";")[0]: {"schema": {}}},
            },
            "default": _ERROR,
        },
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.help,
        "schema": dict(parameter.schema),
    }
