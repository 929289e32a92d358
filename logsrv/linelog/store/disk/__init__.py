"""The disk: a directory that is held open, its lock, and its troubles.

`flock` is loaded late (logsrv/lazy_names.py): a search needs no lock.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
