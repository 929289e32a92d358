"""Parts that the commands of `logsrv` share: sentences on stderr, values in seconds."""

from __future__ import annotations

import sys

import logsrv.cli as late


def tell(sentence: str) -> None:
    """Write a sentence on stderr; what could drive a terminal in it is escaped."""
    print(late.printable(sentence), file=sys.stderr, flush=True)


def seconds(text: str) -> float:
    """Parse a length of time in seconds, for `type=`."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise late.ArgumentTypeError(
            f"{late.shown(text)} is no number of seconds, such as 2 or 0.5"
        )
    return value
