"""Convert between text and bytes of the store, without loss for bytes that are not UTF-8."""

from __future__ import annotations


def bytes_of(text: str) -> bytes:
    """Return text as bytes of the store: UTF-8, and the original bytes for surrogates from `decoded`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decoded(text: bytes) -> str:
    """Return bytes of the store as text; bytes that are not UTF-8 become lone surrogates."""
    return text.decode("utf-8", "surrogateescape")
