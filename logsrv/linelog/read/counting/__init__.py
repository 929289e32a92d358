"""Counting: the most frequent values of a field, lines over time and their levels, sources.

Counting by NumPy is loaded late (logsrv/lazy_names.py): a few lines are counted sooner without.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
