"""Sentences about what an author's code gave by mistake, raised where it was given."""

from __future__ import annotations

from inspect import iscoroutine


def check_text(text: object, taker: str) -> None:
    """Raise TypeError, with a sentence, for what is no text; `taker` is the function that was given it."""
    if not isinstance(text, str):
        raise TypeError(f"{taker} takes str, not {mistaken(text)}")


def bytes_of(data: object) -> bytes:
    """Return what looks like bytes as bytes. Raises TypeError, with a sentence, for anything else."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"write takes bytes, not {mistaken(data)}")


def mistaken(value: object) -> str:
    """Return how a sentence calls what an author gave by mistake."""
    if iscoroutine(value):
        # It is said here; Python need not warn of it once more.
        value.close()
        return f"the coroutine of {value.__qualname__}: `await` it first"
    return f"{value!r:.60}"
