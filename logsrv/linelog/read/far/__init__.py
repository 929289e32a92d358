"""Reading what is in an archive only, in as few round trips as possible.

Loads late what stores without an archive do without (logsrv/lazy_names.py).
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
