"""The plugin of the line logger: its settings, its service, its metrics.

A service without web pages needs no HTTP, one without targets no shipping, and none needs the reactor
before it is made: all are loaded late (logsrv/lazy_names.py).
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
