"""Reading what is in an archive only, in as few round trips as possible.

All of it is loaded late (logsrv/lazy_names.py): most stores have no archive.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
