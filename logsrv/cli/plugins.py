"""List the plugins and inputs that are installed.

The list has each plugin that twistd finds, by name: its version, where it listens by default, its package,
and the file that declares it. Then come the inputs of the line logger, and plugin files that cannot be
loaded, each with the reason.

Example:

  logsrv plugins --json

Exit status: 0, or 1 when something is broken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict

from logsrv.cli.arguments import aligned_columns
from logsrv.cli.installed import (
    OVERLOOKED,
    AllInstalled,
    InstalledPlugin,
    find_installed,
    is_overlooked,
)
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import printable


def declare(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    found = find_installed()
    shown = (
        json.dumps(asdict(found), indent=2) + "\n" if arguments.json else _installed_report(found)
    )
    print(shown, end="")
    if is_overlooked(Path.cwd()):
        print(f"logsrv plugins: {OVERLOOKED}", file=sys.stderr)
    is_sound = not found.broken and not any(plugin.error for plugin in found.plugins)
    return 0 if is_sound else 1


def _installed_report(installed: AllInstalled) -> str:
    """Return the two tables, and a line for each broken or hidden plugin."""
    parts = [_table("PLUGIN", installed.plugins), "\n", _table("INPUT", installed.inputs)]
    if installed.broken or installed.hidden or any(plugin.error for plugin in installed.plugins):
        parts.append("\n")
    for plugin in installed.plugins:
        if plugin.error:
            parts.append(f"broken: {plugin.name} ({plugin.where}): {plugin.error}\n")
    for broken in installed.broken:
        parts.append(f"broken: {broken.where}: {broken.error}\n")
    for hidden, taken in installed.hidden:
        parts.append(
            f"warning: {hidden.name} is there twice: the one of {_where_from(taken)} is taken, "
            f"not the one of {_where_from(hidden)}\n"
        )
    return printable("".join(parts))


def _where_from(plugin: InstalledPlugin) -> str:
    return plugin.where or plugin.package or "an unknown file"


def _table(title: str, plugins: Sequence[InstalledPlugin]) -> str:
    rows = [(title, "VERSION", "LISTENS AT", "PACKAGE", "FILE")]
    rows += [
        (
            plugin.name,
            plugin.version or "-",
            " ".join(plugin.listens) or "-",
            plugin.package or "-",
            plugin.where or "-",
        )
        for plugin in plugins
    ]
    return aligned_columns(rows)
