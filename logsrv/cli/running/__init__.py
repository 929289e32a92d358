"""`logsrv run`: a parent that holds the sockets (supervisor, watch) and a child that serves them
(child, held, found). They talk over a socket pair, in JSON lines (channel).

The stub beside this file lists what they load late (logsrv/lazy_names.py): in the child, whatever may
import Twisted's reactor, once that has been chosen.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
