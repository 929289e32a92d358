"""Bring a store back: from a backup, from an archive, or from another centre.

--from DIR is a backup made by logsrv backup, or a copy of a store. The restored store has the identity of
the store that was backed up.

--from file:///… or s3://… is an archive: its segments are written into DIR, with their indexes, and each is
verified. The restored store has the identity of the archived store. It lacks lines that were not archived
yet.

--from https://CENTRE:PORT/blocks is a running centre with a --restore-token-file: DIR gets all its lines,
and the places of all stores that ship to it. A server on DIR then receives what they send next. The
restored store has an identity of its own.

DIR has to be new or empty. An interrupted command goes on when it is given again. A segment that was
changed or damaged at its origin is named and left out.

Examples:

  logsrv restore --from file:///srv/archive /var/lib/logsrv/lines
  logsrv restore --from https://centre.example.org:8443/blocks \\
      --token-file restore.token /var/lib/logsrv/lines

Exit status: 0, or 1 when a segment was left out or the command failed.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from logsrv.cli.arguments import parse_directory, require_other_option, tell
from logsrv.cli.backup import contents_summary, copy_store
from logsrv.clock import Clock
from logsrv.errors import UsageError
from logsrv.kit.net.twisted.client_tls import TLSOptions, tls_context
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.secrets import read_secret
from logsrv.kit.text.words import shown
from logsrv.linelog.inputs.blocks.centre_copy import CentreCopy
from logsrv.linelog.inputs.blocks.client import CentreClient
from logsrv.linelog.ship.address import ShipURL, parse_ship_url
from logsrv.linelog.ship.registry import TargetSettings, check_encrypted
from logsrv.linelog.store.archive.choosing import open_archived_store
from logsrv.linelog.store.archive.restoring import RestoredSegment, restore_segments
from logsrv.linelog.store.segments.disk import Disk, make_directory, store_errors
from logsrv.linelog.store.segments.lock import locked


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="FROM",
        required=True,
        help="the directory of a backup; an archive, such as file:///srv/archive or s3://bucket/prefix;"
        " or a centre, such as https://centre.example.org:8443/blocks",
    )
    parser.add_argument("--store", metavar="ID", help="which store, if the archive has several")
    centre = parser.add_argument_group("of a centre")
    centre.add_argument(
        "--token-file", metavar="FILE", help="a file with the centre's --restore-token"
    )
    centre.add_argument("--ca", metavar="FILE", help="the authority of its certificate (PEM)")
    centre.add_argument("--cert", metavar="FILE", help="our certificate for the centre (PEM)")
    centre.add_argument("--key", metavar="FILE", help="the key of our certificate (PEM)")
    to = "the directory for the store"
    parser.add_argument("directory", metavar="DIR", type=parse_directory, help=to)


def run(arguments: argparse.Namespace) -> int:
    """Restore a store. Raises UsageError, StoreError, ArchiveError, CentreError."""
    is_centre = re.match("https?:", arguments.origin, re.IGNORECASE) is not None
    _check(arguments, is_centre=is_centre)
    try:
        if is_centre:
            return _restore_from_centre(arguments, parse_ship_url(arguments.origin))
        if "://" not in arguments.origin:
            return _restore_from_backup(arguments)
        archive, store = open_archived_store(arguments.origin, arguments.store)
    except ValueError as error:
        raise UsageError(f"--from {shown(arguments.origin)}: {error}") from None
    total = _write_segments(
        arguments.directory, lambda disk: restore_segments(archive, store, disk)
    )
    print(f"{shown(arguments.directory)} is store {store}: {total}")
    print(
        "If the store that was archived still runs, or its lines went on elsewhere, give this one"
        " another identity before it ships: logsrv ship --new-identity"
    )
    return total.status


def _check(arguments: argparse.Namespace, *, is_centre: bool) -> None:
    """Raise UsageError for options that do not apply to the source of the store."""
    certificates = (arguments.ca, arguments.cert, arguments.key)
    if not is_centre and any((arguments.token_file, *certificates)):
        raise UsageError("--token-file, --ca, --cert and --key go with a centre, as --from https:")
    if arguments.origin.lower().startswith("http:") and any(certificates):
        raise UsageError("--ca, --cert and --key go with https:, and --from names http:")
    require_other_option(arguments, "cert", "key")
    if arguments.store is not None and (is_centre or "://" not in arguments.origin):
        what = "centre" if is_centre else "backup"
        raise UsageError(f"--store names a store of an archive, and a {what} is one store")


def _restore_from_backup(arguments: argparse.Namespace) -> int:
    directory = shown(arguments.directory)
    backup = copy_store(arguments.origin, arguments.directory, "restore")
    print(f"{directory} has {contents_summary(backup)}")
    print(f"Next: start its service, or by hand: twistd -n logsrv --directory {directory}")
    print(
        "If the store that was backed up still runs, or has shipped lines since, give this one another"
        f" identity before that: logsrv ship --new-identity {directory}"
    )
    if backup.lacks_promised_lines:
        tell(
            f"logsrv restore: {shown(arguments.origin)} had {backup.promised_lines:,} lines once, and has"
            " fewer: logsrv doctor says more"
        )
    return 1 if backup.damaged or backup.lacks_promised_lines else 0


def _restore_from_centre(arguments: argparse.Namespace, url: ShipURL) -> int:
    ca, cert, key = (
        None if name is None else Path(name)
        for name in (arguments.ca, arguments.cert, arguments.key)
    )
    options = TLSOptions(ca, certificate=cert, key=key)
    token_file = Path(arguments.token_file) if arguments.token_file else None
    token = read_secret("token", None, token_file)
    check_encrypted(TargetSettings(name="", url=url, store="", token=token))
    client = CentreClient(
        url=url, sleep=Clock().sleep, token=token, tls=tls_context(options) if url.tls else None
    )
    copies: list[CentreCopy] = []

    def bring(disk: Disk) -> Iterator[RestoredSegment]:
        copies.append(CentreCopy(client, state, disk, os.urandom))
        return copies[-1].segments()

    try:
        # Ask the centre before a directory is made, so that none is left if it cannot be reached.
        state = client.fetch_state()
        total = _write_segments(arguments.directory, bring)
    finally:
        client.close()
    [copy] = copies
    state, directory = copy.state, shown(arguments.directory)
    print(f"{directory} has what {client.place} had at {state.position}: {total}")
    print(
        f"It knows where {len(state.notes)} stores are, and is store {copy.identity.store} itself"
    )
    if state.away:
        tell(
            f"logsrv restore: the text of {len(state.away)} of these segments is in an archive only; a"
            " server on this store finds it if it ships to that archive, too"
        )
    return total.status


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

    @property
    def status(self) -> int:
        return 1 if self.left_out else 0


def _write_segments(
    directory: str, bring: Callable[[Disk], Iterator[RestoredSegment]]
) -> _RestoredTotal:
    """Lock a directory, let `bring` write segments into it, and count them. Raises StoreError."""
    total = _RestoredTotal()
    what = f"{shown(directory)} cannot be written"
    with store_errors(what, "; give the same command again to go on"):
        make_directory(Path(directory))
        with locked(Path(directory)) as disk:
            for one in bring(disk):
                total.add(one)
    return total
