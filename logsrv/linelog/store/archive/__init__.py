"""Archives: sealed segments with their indexes, kept in a directory or an object store elsewhere.

Loads late what few searches need (logsrv/lazy_names.py): most stores have no archive.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
