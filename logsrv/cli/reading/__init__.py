"""The commands that read a store: search, tail, show, replay, sql.

The stub beside this file lists what they load late, as `logsrv.cli` says: a search for a rare word is over
in the time of a few imports, and the help of each command is there before what it reads with.
"""

from __future__ import annotations

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
