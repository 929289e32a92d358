"""The parsers of packed formats, which not every installation has: loaded when first needed (sans-IO)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from logsrv.linelog.framing.bodies.bodies import RequestRefused, malformed


def needed(module: str, what: str) -> Any:
    """Return a module of the extra `senders`. Raises RequestRefused (501) without it: `what` needs it."""
    try:
        return import_module(module)
    except ImportError:
        raise RequestRefused(
            501, "protocol", f"{what} need pip install 'logsrv[senders]' on the server"
        ) from None


def read_message(kind: Any, body: bytes) -> Any:
    """Return a message of a class that protobuf made. Raises RequestRefused (400)."""
    message = kind()
    try:
        message.ParseFromString(body)
    except import_module("google.protobuf.message").DecodeError:
        raise malformed("the body is no protobuf message of this kind") from None
    return message
