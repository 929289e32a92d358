"""Parts that the commands of `logsrv` share: messages on stderr, columns, the usual store."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from logsrv.errors import UsageError
from logsrv.kit.text.escape import printable
from logsrv.kit.text.words import shown

VARIABLE = "LOGSRV_DIRECTORY"
HERE = "logs"
CONFIGURATION = "/etc/logsrv.toml"
"""The configuration of the service that is installed on this machine."""
INSTALLED = "/var/lib/logsrv/lines"
SAID = f"{HERE} if it exists, else the store that {CONFIGURATION} names; or the variable {VARIABLE}"
"""The rule for the usual store, for help texts."""


def tell(sentence: str) -> None:
    """Write a message to stderr, with control characters escaped.

    Lines after the first are indented: an LF in a name shown in the message cannot forge a second message.
    """
    first, *others = printable(sentence).split("\n")
    lines = [first, *(line if line.startswith("  ") else f"    {line}" for line in others)]
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def aligned_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of aligned columns. The last column needs no alignment, and is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def require_other_option(arguments: object, other: str, *names: str) -> None:
    """Raise UsageError if one of the options `names` is given without the option `other`: it needs that."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if (value := getattr(arguments, name)) is not None and value is not False
    ]
    if given and getattr(arguments, other) is None:
        raise UsageError(f"{given[0]} needs --{other.replace('_', '-')}")


def named_stores(arguments: object) -> list[str]:
    """Return the stores or archives that a command line names, or the usual one if it names none."""
    given = getattr(arguments, "directory", None)
    return [*map(str, given)] if isinstance(given, list) else [str(given or usual_store())]


def only_store(arguments: object) -> str:
    """Return the directory of a command that takes one. Raises UsageError for several, and for a URL."""
    found = named_stores(arguments)
    if len(found) > 1:
        raise UsageError("--directory names several stores, and this command takes one")
    try:
        return parse_directory(found[0])
    except ValueError as error:
        raise UsageError(str(error)) from None


def parse_directory(text: str) -> str:
    """Return the directory of a store, for `type=`. Raises ValueError for the URL of an archive."""
    if "://" in text:
        raise ValueError(
            f"{shown(text)} is a URL, and this command takes a directory: search, tail, show and sql"
            " read an archive; logsrv restore --from URL DIR writes one of its stores into a directory"
        )
    return text


def usual_store(configuration: str = "") -> str:
    """Return the store that is read without `--directory`."""
    if given := os.environ.get(VARIABLE):
        return given
    if os.path.isdir(HERE):
        return HERE
    return _service_store(configuration or CONFIGURATION) or HERE


def _service_store(configuration: str) -> str | None:
    """Return the store that the service of this machine writes; None if none is installed."""
    import tomllib  # A command that is told its store needs none of it.

    try:
        with open(configuration, encoding="utf-8") as file:
            named = tomllib.loads(file.read()).get("directory")
    except PermissionError:
        # A user who may not read this file usually may not read the store either: let the error name that.
        return INSTALLED
    except (OSError, ValueError):
        return None
    # A relative path would be relative to the service's working directory, which is unknown here.
    return named if isinstance(named, str) and os.path.isabs(named) else None
