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

from logsrv.cli.arguments import parse_directory, tell
from logsrv.cli.command import COMMANDS, Command
from logsrv.cli.line_logger import absence_of_command
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.plugins import load_object
from logsrv.kit.text.words import shown
from logsrv.linelog.read.sources import source_of

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
    """Restore a store. Raises LogsrvError."""
    if "://" not in arguments.origin:
        if arguments.store is not None:
            raise UsageError("--store names a store of an archive, and a backup is one store")
        return _restore_from_backup(arguments.origin, arguments.directory)
    if arguments.origin.lower().startswith(("http:", "https:")):
        raise UsageError(
            "--from cannot be a centre: run `logsrv backup` there, copy the backup here, and restore it"
        )
    try:
        source = source_of(arguments.origin)
    except ValueError as error:
        raise UsageError(f"--from {shown(arguments.origin)}: {error}") from None
    status: int = load_object(source.restore)(
        arguments.origin,
        arguments.store,
        arguments.directory,
        lambda said: tell(f"logsrv restore: {said}"),
    )
    return status


def _restore_from_backup(origin: str, directory: str) -> int:
    """Have `logsrv backup` bring a backup back. Raises UsageError if that command is not here."""
    backup = COMMANDS.find("backup")
    if backup is None:
        why = absence_of_command("backup")
        raise UsageError(f"logsrv backup restores backups, and {why}")
    status: int = load_object(f"{backup.module}:restore")(origin, directory)
    return status
