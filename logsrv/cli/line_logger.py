"""The line logger, as the command line knows it: not there if only `logsrv-kit` is installed."""

from __future__ import annotations

from importlib.machinery import PathFinder
from typing import Any

import logsrv
from logsrv.kit.plugins import Plugins, load_object

COMMANDS_OF_THE_LINE_LOGGER = frozenset(
    {
        "alert",
        "backup",
        "doctor",
        "help",
        "import",
        "reindex",
        "restore",
        "search",
        "ship",
        "show",
        "sql",
        "tail",
    }
)


def has_line_logger() -> bool:
    """Return whether the line logger is installed."""
    found = PathFinder.find_spec("logsrv.linelog", logsrv.__path__)
    # A folder that pip has left behind has no file.
    return found is not None and found.origin is not None


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
    found = load_object("logsrv.linelog.leaves:missing_leaves")()
    return [f"{leaf.gives} ({leaf.module})" for leaf in found]


def absence_of(module: str) -> str:
    """Return a sentence if a module is in a part that has been taken away; else ""."""
    if not has_line_logger():
        return ""
    found = load_object("logsrv.linelog.leaves:missing_leaves")()
    return next((leaf.absence for leaf in found if module.startswith(f"{leaf.module}.")), "")
