"""Bodies in protobuf: parsed whole, with libraries that may be missing (sans-IO)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from logsrv.linelog.lines.bodies import RequestRefused, malformed_body, require_memory

# Memory to parse protobuf, in bytes: twice its length, and up to 134 for a message. A small message has its
# length before it, which is one of these bytes; there are more of them than messages.
_OF_BYTE = 2
_SMALL_LENGTHS = bytes(range(16))
_OF_MESSAGE = 134


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
    """Return a message of the class `kind`.

    Raises RequestRefused: 400 for invalid protobuf, 413 if it may need more memory than a worker has.
    """
    require_memory(body, _OF_BYTE, _SMALL_LENGTHS, _OF_MESSAGE)
    message = kind()
    try:
        message.ParseFromString(body)
    except import_module("google.protobuf.message").DecodeError:
        raise malformed_body("the body is no protobuf message of this kind") from None
    return message
