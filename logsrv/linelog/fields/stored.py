"""Text as the bytes that stand in the store, and those as text."""

from __future__ import annotations


def bytes_of(text: str) -> bytes:
    """Return `text` as it stands in the store: UTF-8, what is none of it as the bytes that came."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decoded(text: bytes) -> str:
    """Return bytes of the store as text; those that are not UTF-8 are lone surrogates in it."""
    return text.decode("utf-8", "surrogateescape")
