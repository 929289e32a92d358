"""Text as the bytes that stand in the store."""

from __future__ import annotations


def bytes_of(text: str) -> bytes:
    """Return `text` as it stands in the store: UTF-8, what is none of it as the bytes that came."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
