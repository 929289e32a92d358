"""The bytes before the message of each stored line, `TIME SOURCE `."""

from __future__ import annotations

import re

STAMP = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z) ([^ \n]+) "
)
TIME_LENGTH = len("2026-11-20T06:18:42.123456Z ")
IN_STAMP = ("time", "source", "name", "host", "port", "position")
"""The fields in the stamp, and the position of the line."""
