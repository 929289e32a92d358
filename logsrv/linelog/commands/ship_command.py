"""Show how far the targets of a store are, or give a store another identity.

--status works with and without a running server. The lag of a target is the lines that it has not
confirmed. The stores of [[retention]] rules in DIR are shipped too, and each has lines of its own here.

A copied store, or one restored from a backup, has the identity of the original. If the original goes on
shipping, the target refuses the copy's lines. --new-identity makes the copy another store, whose lines are
shipped from its present end on. The stores of rules in it get other identities too. No server may use the
directory meanwhile.

Example:

  logsrv ship --status /var/lib/logsrv/lines

Exit status: 0 when all targets take lines, 1 when one does not, nothing is shipped, or the command failed,
2 when the command line makes no sense.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Sequence

from logsrv.cli.arguments import (
    SAID,
    aligned_columns,
    parse_directory,
    require_other_option,
    tell,
    usual_store,
)
from logsrv.cli.command import Command
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import LONGEST_ERROR, counted, shown, size_text
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.ship_place import write_identity_to_places
from logsrv.linelog.ship.status import LagMeter, ShipLag, TargetStatus, target_statuses
from logsrv.linelog.ship.targets.target import BETWEEN
from logsrv.linelog.store import identity
from logsrv.linelog.store.disk import Disk, store_errors
from logsrv.linelog.store.lock import locked
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.rule_stores import has_lines, rule_stores
from logsrv.linelog.store.segment import Position

command = Command("ship", "show how far the targets of a store are", __name__)

_HEAD = ("target", "up", "place", "behind", "gone", "missing there", "last error")


def declare(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--status",
        metavar="DIR",
        type=parse_directory,
        nargs="?",
        const="",
        help=f"how far the targets of the store DIR are (default: {SAID})",
    )
    other = "make the store DIR another store"
    what.add_argument("--new-identity", metavar="DIR", type=parse_directory, help=other)
    parser.add_argument(
        "--resend",
        action="store_true",
        help="with --new-identity: send what the targets lack, under the new identity",
    )
    parser.add_argument("--json", action="store_true", help="the status as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Show the status or change the identity. Raises StoreError if the store is unreadable or in use."""
    require_other_option(arguments, "status", "json")
    require_other_option(arguments, "new_identity", "resend")
    directory = arguments.new_identity or arguments.status or usual_store()
    if arguments.new_identity is not None:
        return _new_identities(directory, resend=arguments.resend)
    return _status(directory, as_json=arguments.json)


def _status(directory: str, *, as_json: bool) -> int:
    with store_errors(f"{directory} cannot be read"):
        found = {"": _statuses(directory)}
        for rule, place in rule_stores(directory).items():
            statuses = _statuses(place)
            # The store of a removed rule without lines has nothing to ship, and no server opens it.
            if has_lines(place) or any(one.running for one in statuses):
                found[rule] = statuses
    every = [(rule, one) for rule, statuses in found.items() for one in statuses]
    if as_json:
        print(json.dumps([_object(rule, one) for rule, one in every], indent=1))
    elif every:
        rows = [_HEAD, *(_row(one) for _, one in every)]
        if len(found) > 1:
            stores = ["store", *(f"stores/{rule}" if rule else "." for rule, _ in every)]
            rows = [(store, *row) for store, row in zip(stores, rows, strict=True)]
        print(aligned_columns(rows), end="")
    else:
        tell(f"logsrv ship: nothing was ever shipped from {shown(directory)}")
    wanted = [one for _, one in every if one.wanted]
    return 0 if wanted and all(one.up for one in wanted) else 1


def _statuses(directory: str) -> list[TargetStatus]:
    """Return the state of the targets of one store. Raises OSError and StoreError."""
    with View(directory, lambda why: tell(f"logsrv ship: {why}")) as view:
        return target_statuses(directory, view, time.time())


def _object(rule: str, one: TargetStatus) -> dict[str, object]:
    lag = one.lag
    return {
        "rule": rule,
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
        "gap_bytes": None if one.gone is None else one.gone.bytes,
        "gap_lines": None if one.gone is None else one.gone.lines,
        "missing": one.state.missing.split(BETWEEN) if one.state.missing else [],
        "error": one.state.error or None,
        "failed": one.state.failed or None,
    }


def _row(one: TargetStatus) -> tuple[str, ...]:
    lag = one.lag
    behind = "?" if lag is None else "nothing"
    if lag is not None and lag.bytes:
        behind = (
            f"{size_text(lag.bytes)}, {counted(lag.lines, 'line')}, {_rounded_time(lag.seconds)}"
        )
    error = f"{one.state.failed[:19]}Z {one.state.error}" if one.state.failed else one.state.error
    position = "?" if one.position is None else str(one.position)
    gone, missing = _gap_cell(one.gone), one_line(one.state.missing) or "-"
    return one.name, _state_cell(one), position, behind, gone, missing, one_line(error)


def _gap_cell(gone: MissingText | None) -> str:
    """Return the table's cell for the lines that retention removed before the target had them."""
    if not gone:
        return "?" if gone is None else "-"
    least = "" if gone.known else "at least "
    return f"{least}{gone.bytes:,} bytes, {counted(gone.lines, 'line')}"


def _state_cell(one: TargetStatus) -> str:
    if not one.wanted:
        return "no target any more"
    if not one.running:
        return "not running"
    return {True: "yes", False: "no", None: "not known yet"}[one.state.up]


def _rounded_time(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _new_identities(directory: str, *, resend: bool) -> int:
    """Give a store, and the stores of rules in it, other identities."""
    with store_errors(f"{directory} cannot be changed"), contextlib.ExitStack() as undo:
        # All are locked before any is changed.
        places = [directory, *rule_stores(directory).values()]
        disks = [undo.enter_context(locked(place)) for place in places]
        for place, disk in zip(places, disks, strict=True):
            _new_identity(place, disk, resend=resend)
    return 0


def _new_identity(directory: str, disk: Disk, *, resend: bool) -> None:
    with store_errors(f"{directory} cannot be changed"):
        with View(directory, lambda why: tell(f"logsrv ship: {why}")) as view:
            end, first = end_of_store(view), Position(view.segments[0].number, 0)
            found = target_statuses(directory, view, time.time())
            unsent = LagMeter(view).measure(first, time.time())
        positions = [one.position for one in found if one.position is not None]
        began = min(positions, default=first) if resend else end
        made = identity.make_identity(disk, began, os.urandom)
        if resend:
            write_identity_to_places(directory, made.store)
    print(f"{shown(directory, LONGEST_ERROR)} is store {made.store} from {made.began} on")
    _tell_unsent(found, unsent, resend=resend)


def _tell_unsent(found: Sequence[TargetStatus], unsent: ShipLag, *, resend: bool) -> None:
    """Print how many lines each target lacks, and whether they will be sent."""
    lags = [(one.name, one.lag) for one in found if one.lag is not None]
    lacking = [(f"{name} lacks", lag) for name, lag in lags if lag.bytes]
    if not lags and unsent.bytes:
        lacking = [("nothing was ever shipped of", unsent)]
    for who, lag in lacking:
        print(f"{who} {counted(lag.lines, 'line')} ({size_text(lag.bytes)}) that are here")
    if not lacking:
        return
    if resend:
        print(
            "They are sent under the new identity. The original store may have sent some of them already,"
            " under the old one. The target then has these twice."
        )
    else:
        print(
            "They are not sent: they stay in this store only. To send them, give the command again with"
            " --resend, before the server is started."
        )
