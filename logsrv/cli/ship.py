"""Tell how far the targets of a store are, or give a store another identity.

--status works beside a server and without one. A target is behind by what the store has and it has not.

A store that was restored from a backup, or copied, has the identity of another: its target says so and
takes nothing. --new-identity makes it another store, whose lines are shipped from its end on. No server
may have the directory then.

Example:

  logsrv ship --status /var/lib/logsrv/lines

Exit status: 0 when all targets take lines, 1 when one does not or nothing is shipped, or when it did not
go well, 2 when the command line makes no sense.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence

import logsrv.cli as late
from logsrv.cli.arguments import SAID, UNNAMED, goes_with, store, tell
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text

_HEAD = ("target", "up", "place", "behind", "last error")


def declare(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--status",
        metavar="DIR",
        nargs="?",
        const=UNNAMED,
        help=f"how far the targets of the store DIR are (default: {SAID})",
    )
    what.add_argument("--new-identity", metavar="DIR", help="make the store DIR another store")
    parser.add_argument("--json", action="store_true", help="the status as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Raises StoreError for a store that cannot be read or is in use."""
    goes_with(arguments, "status", "json")
    if arguments.new_identity is not None:
        return _new_identity(arguments.new_identity)
    return _status(store(arguments.status), as_json=arguments.json)


def _status(directory: str, *, as_json: bool) -> int:
    try:
        with late.View(directory, lambda why: tell(f"logsrv ship: {why}")) as view:
            found = late.statuses(directory, view, time.time())
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {late.reason(error)}") from error
    if as_json:
        print(json.dumps([_object(one) for one in found], indent=1))
    elif found:
        _table([_HEAD, *(_row(one) for one in found)])
    else:
        tell(f"logsrv ship: nothing was ever shipped from {late.shown(directory)}")
    wanted = [one for one in found if one.wanted]
    return 0 if wanted and all(one.up for one in wanted) else 1


def _object(one: late.TargetStatus) -> dict[str, object]:
    lag = one.lag
    return {
        "name": one.name,
        "target": one.target,
        "wanted": one.wanted,
        "running": one.running,
        "up": one.up,
        "since": one.state.since or None,
        "position": None if one.position is None else str(one.position),
        "saved": one.saved or None,
        "lag_bytes": None if lag is None else lag.bytes,
        "lag_lines": None if lag is None else lag.lines,
        "lag_seconds": None if lag is None else round(lag.seconds, 3),
        "error": one.state.error or None,
        "failed": one.state.failed or None,
    }


def _row(one: late.TargetStatus) -> tuple[str, ...]:
    lag = one.lag
    behind = "?" if lag is None else "nothing"
    if lag is not None and lag.bytes:
        behind = f"{size_text(lag.bytes)}, {lag.lines:,} lines, {_span(lag.seconds)}"
    error = f"{one.state.failed[:19]}Z {one.state.error}" if one.state.failed else one.state.error
    position = "?" if one.position is None else str(one.position)
    return one.name, _up(one), position, behind, one_line(error)


def _up(one: late.TargetStatus) -> str:
    if not one.wanted:
        return "no target any more"
    if not one.running:
        return "not running"
    return {True: "yes", False: "no", None: "not known yet"}[one.state.up]


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _new_identity(directory: str) -> int:
    try:
        with late.locked(directory) as disk:
            with late.View(directory, lambda why: tell(f"logsrv ship: {why}")) as view:
                end = late.end_of(view)
            made = late.identity.make(disk, end, os.urandom)
    except OSError as error:
        raise StoreError(f"{directory} cannot be changed: {late.reason(error)}") from error
    print(f"{late.shown(directory)} is store {made.store} from {made.began} on")
    return 0
