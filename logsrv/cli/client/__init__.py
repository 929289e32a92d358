"""The line client of `logsrv connect`: where to (target, dial), the other end (peer), what is shown and
sent (display, wire), and who types (terminal, script).

The stub beside this file lists what they load late (logsrv/lazy_names.py): Twisted, and whatever may import
its reactor, once that has been chosen.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
