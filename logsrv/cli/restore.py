"""Bring a store back from an archive.

All sealed segments of a store that the archive has are written into DIR, with their indexes, each compared
with what was archived. DIR has to be new or empty. What was interrupted goes on when the same command is
given again. A segment that was changed or damaged in the archive is named and left out.

The store has the identity of the one that was archived. Lines that were not sealed then are not in it.

Exit status: 0, or 1 when a segment was left out, or when it did not go well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import logsrv.cli as late
from logsrv.cli.arguments import tell
from logsrv.errors import StoreError, UsageError
from logsrv.kit.options.argument_parser import Parser


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--from",
        dest="archive",
        metavar="URL",
        required=True,
        help="where the archive is, such as file:///srv/archive or s3://bucket/prefix",
    )
    parser.add_argument("--store", metavar="ID", help="which store, if the archive has several")
    parser.add_argument("directory", metavar="DIR", help="the directory for the store")


def run(arguments: argparse.Namespace) -> int:
    """Raises UsageError, StoreError and ArchiveError."""
    try:
        archive = late.open_archive(arguments.archive)
    except ValueError as error:
        raise UsageError(f"--from {late.shown(arguments.archive)}: {error}") from None
    store = late.choose_store(archive, arguments.store)
    directory = Path(arguments.directory)
    segments = lines = text = left_out = 0
    try:
        late.make_directory(directory)
        with late.locked(directory) as disk:
            for one in late.brought_back(archive, store, disk):
                segments, lines, text = segments + 1, lines + one.lines, text + one.text
                if one.error:
                    left_out += 1
                    tell(f"logsrv restore: {one.name} is left out: {one.error}")
    except OSError as error:
        raise StoreError(
            f"{late.shown(str(directory))} cannot be written: {late.reason(error)}; give the same"
            " command again to go on"
        ) from error
    print(
        f"{late.shown(str(directory))} is store {store}: {segments - left_out} segments,"
        f" {lines:,} lines, {text:,} bytes of text"
    )
    print(
        "If the store that was archived still runs, or its lines went on elsewhere, give this one"
        " another identity before it ships: logsrv ship --new-identity"
    )
    return 1 if left_out else 0
