"""A file descriptor that `with` closes. The module is small because each search loads it first."""

from __future__ import annotations

import os


class Descriptor:
    """An open file descriptor; the end of `with` closes it, also after an error."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
