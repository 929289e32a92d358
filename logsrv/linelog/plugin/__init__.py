"""The plugin of the line logger: its settings, its service, its metrics.

Loaded late (logsrv/lazy_names.py): HTTP, for services with web pages; shipping, for those with targets; the
checks of `logsrv check`; and the reactor, which nobody may import before it is chosen.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
