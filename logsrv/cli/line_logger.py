"""The line logger, as the command line knows it: not there if only `logsrv-kit` is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any

import logsrv
from logsrv.kit.plugins import PACKAGE, Plugins, load_object

COMMANDS_OF_THE_LINE_LOGGER = frozenset(
    {
        "alert",
        "backup",
        "doctor",
        "erase",
        "help",
        "import",
        "open",
        "reindex",
        "restore",
        "search",
        "serve",
        "ship",
        "show",
        "sql",
        "tail",
        "token",
    }
)


def has_line_logger() -> bool:
    """Return whether the line logger is installed."""
    found = PathFinder.find_spec("logsrv.linelog", logsrv.__path__)
    # A folder that pip has left behind has no file.
    return found is not None and found.origin is not None


def folders_of_the_line_logger() -> Iterator[str]:
    """Yield the folders of the line logger, without those below them; none if it is not installed."""
    folder = os.path.join(PACKAGE, "linelog")
    if os.path.isdir(folder):
        with os.scandir(folder) as entries:
            yield from sorted(entry.path for entry in entries if entry.is_dir())


def registries() -> dict[str, Plugins[Any]]:
    """Return the kinds of plugins that the line logger finds, by their names; none without it."""
    found: dict[str, Plugins[Any]] = {}
    if has_line_logger():
        found = load_object("logsrv.linelog.plugin.registries:REGISTRIES")
    return found


def missing_parts() -> list[str]:
    """Return a sentence for each part of the line logger that has been taken away."""
    if not has_line_logger():
        return []
    missing = load_object("logsrv.linelog.leaves:missing_leaves")()
    return [f"{leaf.gives} ({leaf.module})" for leaf in missing]


def absence_of_command(name: str) -> str:
    """Return the sentence about a command that was taken away; "" if it is here, or never was."""
    if not has_line_logger():
        return ""
    sentence: str = load_object("logsrv.linelog.leaves:absence_of_command")(name)
    return sentence
