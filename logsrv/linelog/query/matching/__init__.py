"""Matching: a tree to something that finds lines in a megabyte at once.

Loads late what only some queries need (logsrv/lazy_names.py): a search for a word is over before the
modules of fields, of expressions (RE2) or of many texts (NumPy) would be loaded.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
