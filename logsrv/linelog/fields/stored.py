"""Convert between text and bytes of the store, without loss for bytes that are not UTF-8."""

from __future__ import annotations


def to_stored_bytes(text: str) -> bytes:
    """Return text as bytes of the store: UTF-8, the original bytes for surrogates of `decode_stored`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decode_stored(text: bytes) -> str:
    """Return bytes of the store as text; bytes that are not UTF-8 become lone surrogates."""
    return text.decode("utf-8", "surrogateescape")
