"""Segments on disk: their names, their indexes, their times, and what mends one that was torn.

Loads late what few searches need (logsrv/lazy_names.py): one for a rare word is over in the time of a few
imports.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
