"""The bytes before the message of each stored line, `TIME SOURCE `.

Apart from all other fields: a search of a rare word needs no more of them, and is over in the time that
the reading of their expressions would take.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    STAMP: re.Pattern[bytes]

_STAMP = rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z) ([^ \n]+) "
TIME_LENGTH = len("2026-11-20T06:18:42.123456Z ")
IN_STAMP = ("time", "source", "name", "host", "port", "position")
"""The fields that lie in it, or are where the line lies."""


def __getattr__(name: str) -> object:
    # Compiled when somebody asks for it: most searches for a rare word load no expressions.
    if name != "STAMP":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import re

    found = globals()["STAMP"] = re.compile(_STAMP)
    return found
