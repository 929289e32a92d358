"""Import the parsers of `pip install logsrv[senders]` when they are first needed (sans-IO)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from logsrv.linelog.framing.bodies.bodies import RequestRefused, malformed_body


def import_extra(module: str, what: str) -> Any:
    """Import a module of the extra `senders`. Raises RequestRefused (501) if it is not installed.

    what: the thing that needs it, in the plural, for the sentence.
    """
    try:
        return import_module(module)
    except ImportError:
        raise RequestRefused(
            501, f"{what} need pip install 'logsrv[senders]' on the server"
        ) from None


def parse_protobuf(kind: Any, body: bytes) -> Any:
    """Parse a protobuf message; kind: its class. Raises RequestRefused (400)."""
    message = kind()
    try:
        message.ParseFromString(body)
    except import_module("google.protobuf.message").DecodeError:
        raise malformed_body("the body is no protobuf message of this kind") from None
    return message
