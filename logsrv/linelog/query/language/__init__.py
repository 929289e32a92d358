"""The language: text to a tree, with an error and its place, or a hint.

Loads late what only queries with expressions need (logsrv/lazy_names.py): RE2, and sizes of expressions.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
