"""Counting: the most frequent values of a field, lines over time and their levels, sources.

Loads late what few lines do without (logsrv/lazy_names.py).
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
