"""`limit 20`: at most so many lines or rows."""

from __future__ import annotations

import re

from logsrv.linelog.query.stage import Completion, Stage
from logsrv.linelog.query.stage_words import StageWords

_NUMBER = re.compile(r"[0-9]{1,12}(?![0-9])", re.ASCII)


def _limit(words: StageWords) -> int:
    missing = "limit needs a number of lines or rows, such as 10, with at most 12 digits"
    return int(words.take(_NUMBER, missing))


STAGE = Stage(
    ("limit",),
    "limit",
    parse_limit=_limit,
    instead={"head": "limit 10"},
    help=(("limit 20", "at most so many lines or rows; fewer with -n"),),
    completion=Completion(takes="number"),
)
