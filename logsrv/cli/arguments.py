"""Parts that commands of `logsrv` share: sentences on stderr, columns, seconds, the usual store."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence

from logsrv.errors import UsageError
from logsrv.kit.text.escape import printable
from logsrv.kit.text.words import shown

VARIABLE = "LOGSRV_DIRECTORY"
HERE = "logs"
CONFIGURATION = "/etc/logsrv.toml"
"""The configuration of the service of this machine, as it is installed."""
INSTALLED = "/var/lib/logsrv/lines"
SAID = f"{HERE} if it is there, else that of {CONFIGURATION}; or the variable {VARIABLE}"
"""The rule as it stands in help."""
UNNAMED = "the usual store"
"""The default of an option that names a store; `store` knows it by being this very object."""


def tell(sentence: str) -> None:
    """Write a sentence on stderr; what could drive a terminal in it is escaped.

    Lines behind the first are indented, where they are not yet: a LF in a name forges no sentence.
    """
    first, *others = printable(sentence).split("\n")
    lines = [first, *(line if line.startswith("  ") else f"    {line}" for line in others)]
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines, their cells below each other; the last of a row may be as long as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def seconds(text: str) -> float:
    """Parse a length of time in seconds, for `type=`."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{shown(text)} is no number of seconds, such as 2 or 0.5")
    return value


def goes_with(arguments: object, other: str, *names: str) -> None:
    """Raise UsageError for one of the options `names` that is given without the option `other`."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if (value := getattr(arguments, name)) is not None and value is not False
    ]
    if given and getattr(arguments, other) is None:
        raise UsageError(f"{given[0]} goes with --{other.replace('_', '-')}, which is not there")


def store(text: str) -> str:
    """Return the store that a command line names, for `type=`; the usual one if it names none."""
    return usual_store() if text is UNNAMED else text


def usual_store(configuration: str = "") -> str:
    """Return the store that is read without `--directory`."""
    if given := os.environ.get(VARIABLE):
        return given
    if os.path.isdir(HERE):
        return HERE
    return _of_the_service(configuration or CONFIGURATION) or HERE


def _of_the_service(configuration: str) -> str | None:
    """Return the store that the service of this machine writes; None if none is installed."""
    import tomllib

    try:
        with open(configuration, encoding="utf-8") as file:
            named = tomllib.loads(file.read()).get("directory")
    except PermissionError:
        # The same people may read both; the sentence to be said is about the store.
        return INSTALLED
    except (OSError, ValueError):
        return None
    # A relative one is below wherever the service was started.
    return named if isinstance(named, str) and os.path.isabs(named) else None
