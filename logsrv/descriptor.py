"""A file descriptor that `with` closes. Apart from the rest, because the start of a search loads it."""

from __future__ import annotations

import os


class Descriptor:
    """An open file descriptor, which is closed at the end of `with`, whatever happens there."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
