"""The commands that look after a store: backup, doctor, reindex, restore.

The stub beside this file lists what they load late, as `logsrv.cli` says.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
