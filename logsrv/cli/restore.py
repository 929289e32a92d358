"""Bring a store back, from a backup or from an archive.

--from DIR is a backup made by logsrv backup, or a copy of a store. The restored store has the identity of
the store that was backed up, the places of its targets and alerts, and of the stores that ship to it.

--from file:///… or s3://… is an archive: its segments are written into DIR, with their indexes, and each is
verified. The restored store has the identity of the archived store. It lacks lines that were not archived
yet.

DIR has to be new or empty. An interrupted command goes on when it is given again. A segment that was
changed or damaged at its origin is named and left out.

Examples:

  logsrv restore --from file:///srv/archive /var/lib/logsrv/lines
  logsrv restore --from /srv/backup/lines /var/lib/logsrv/lines

Exit status: 0, or 1 when a segment was left out or the command failed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from logsrv.cli.arguments import parse_directory, tell
from logsrv.cli.command import COMMANDS, Command
from logsrv.cli.line_logger import why_taken_away
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.plugins import load_object
from logsrv.kit.text.words import shown
from logsrv.linelog.store.archive.objects import Archive
from logsrv.linelog.store.archive.opening import open_archived_store
from logsrv.linelog.store.archive.restoring import RestoredSegment, restore_segments
from logsrv.linelog.store.disk import make_directory, store_errors
from logsrv.linelog.store.lock import locked

command = Command("restore", "bring a store back, from a backup or an archive", __name__)


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="FROM",
        required=True,
        help="the directory of a backup; or an archive, such as file:///srv/archive or s3://bucket/prefix",
    )
    parser.add_argument("--store", metavar="ID", help="which store, if the archive has several")
    to = "the directory for the store"
    parser.add_argument("directory", metavar="DIR", type=parse_directory, help=to)


def run(arguments: argparse.Namespace) -> int:
    """Restore a store. Raises UsageError, StoreError, ArchiveError."""
    if "://" not in arguments.origin:
        if arguments.store is not None:
            raise UsageError("--store names a store of an archive, and a backup is one store")
        return _restore_from_backup(arguments.origin, arguments.directory)
    if arguments.origin.lower().startswith(("http:", "https:")):
        # Also for a command line that gives no token.
        raise UsageError(f"--from a centre is {gone_sentence('logsrv restore', '--token-file')}")
    try:
        archive, store = open_archived_store(arguments.origin, arguments.store)
    except ValueError as error:
        raise UsageError(f"--from {shown(arguments.origin)}: {error}") from None
    return _restore_from_archive(arguments.directory, archive, store)


def _restore_from_backup(origin: str, directory: str) -> int:
    """Have `logsrv backup` bring a backup back. Raises UsageError if that command is not here."""
    backup = COMMANDS.find("backup")
    if backup is None:
        why = why_taken_away("backup")
        raise UsageError(f"a backup is restored by logsrv backup, which is {why}")
    status: int = load_object(f"{backup.module}:restore")(origin, directory)
    return status


def _restore_from_archive(directory: str, archive: Archive, store: str) -> int:
    """Write the segments of a store into a locked directory. Raises StoreError."""
    total = _RestoredTotal()
    what = f"{shown(directory)} cannot be written"
    with store_errors(what, "; give the same command again to go on"):
        make_directory(Path(directory))
        with locked(Path(directory)) as disk:
            for one in restore_segments(archive, store, disk):
                total.add(one)
    print(f"{shown(directory)} is store {store}: {total}")
    print(
        "If the store that was archived still runs, or its lines went on elsewhere, give this one"
        " another identity before it ships: logsrv ship --new-identity"
    )
    return 1 if total.left_out else 0


class _RestoredTotal:
    """The numbers of segments, lines and bytes that were restored."""

    def __init__(self) -> None:
        self.segments = self.lines = self.text = self.left_out = 0

    def add(self, one: RestoredSegment) -> None:
        if one.error:
            self.left_out += 1
            tell(f"logsrv restore: {one.name} is left out: {one.error}")
        else:
            self.segments, self.lines = self.segments + 1, self.lines + one.lines
            self.text += one.text

    def __str__(self) -> str:
        return f"{self.segments} segments, {self.lines:,} lines, {self.text:,} bytes of text"
