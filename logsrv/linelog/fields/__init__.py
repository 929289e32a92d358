"""The fields of a stored line, read from it when somebody asks (schema-on-read); sans-IO.

Two things are loaded late (logsrv/lazy_names.py): `Decimal`, which only integers of more than 4,000 digits
need, and orjson, which pays where many lines are JSON.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
