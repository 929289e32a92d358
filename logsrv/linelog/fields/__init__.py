"""The fields of a stored line, read from it when somebody asks (schema-on-read); sans-IO.

Few lines have an integer of more than 4,000 digits, and few searches many lines of JSON: what is for those
is loaded late (logsrv/lazy_names.py).
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
