"""Back up a store while its server runs: TO gets all lines up to now, and is a
store itself.

If TO is on the same file system, compressed segments get a second name there
(a hard link). That takes no space and no time; it protects against removal,
but not against a broken disk. Otherwise they are copied, compared with their
checksums, and synced. The segment that is being written is copied up to its
last whole line. The places of targets and alerts are copied too, so that a
server on the backup does not send all lines again.

Stores of [[retention]] rules, in DIR/stores, are backed up into TO/stores.

The same command, given again, copies only what is new. TO keeps segments that
retention removes from DIR, unless --delete is given. If the command is
interrupted, or the disk is full, TO stays as it was before; the same command
goes on later.

logsrv doctor TO verifies the backup. logsrv restore --from TO NEW brings it
back; or start a server with TO as its store.

Example:

  logsrv backup /var/lib/logsrv/lines /srv/backup/lines

Exit status: 0; 1 when a segment was damaged (it is copied as it is), the
backup failed, or TO has lines that were erased in an archive; 2 when the
command line makes no sense.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import closing
from pathlib import Path

from logsrv.cli.arguments import parse_directory, tell
from logsrv.cli.command import Command
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted, shown
from logsrv.linelog.backup.backup import Backup
from logsrv.linelog.backup.copying import CopyMethod
from logsrv.linelog.commands.progress import CareProgress
from logsrv.linelog.store.disk import Disk, make_directory, reason, store_errors
from logsrv.linelog.store.file_owner import give_store_to
from logsrv.linelog.store.format import require_known_format
from logsrv.linelog.store.lock import locked, owning_process
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.archive_notes import has_archives
from logsrv.linelog.store.rule_stores import FOLDER, directory_of_rule, rule_stores
from logsrv.linelog.store.segment import ACTIVE, BACKUP

command = Command("backup", "back up a store while its server runs", __name__)


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--delete", action="store_true", help="remove from TO what the store no longer has"
    )
    parser.add_argument("directory", metavar="DIR", type=parse_directory, help="the store")
    to = "the directory of the backup, new or used before"
    parser.add_argument("to", metavar="TO", type=parse_directory, help=to)


def run(arguments: argparse.Namespace) -> int:
    """Copy the store, and return the exit status. Raises StoreError."""
    # Low priority: a server on this machine goes first.
    os.nice(10)
    status = 0
    for directory, to in stores_to_copy(arguments.directory, arguments.to):
        backup = copy_store(directory, to, "backup", delete=arguments.delete)
        print(f"{shown(to)} has {contents_summary(backup)}")
        status = max(status, 1 if backup.damaged else 0)
    for name in _lost_stores(arguments.directory, arguments.to):
        tell(
            f"logsrv backup: {shown(name)} stays, which {shown(arguments.directory)} no longer has"
        )
    return status


def restore(origin: str, to: str) -> int:
    """Bring the backup `origin` back into a directory, for `logsrv restore`; return the exit status.

    Raises StoreError.
    """
    found, places = [], []
    for one, place in stores_to_copy(origin, to):
        backup = copy_store(one, place, "restore")
        found.append((one, backup))
        places.append(place)
        # The last segment of the backup is sealed: the position is not that of the backup.
        at = f"; the next line begins a new segment, at {backup.note.place}"
        print(f"{shown(place)} has {contents_summary(backup, at)}")
    directory = shown(to)
    print(f"Next: start its service, or by hand: twistd -n logsrv --directory {directory}")
    for place in filter(has_archives, places):
        print(
            "If lines were erased after the backup, erase them here too, before a server starts or the"
            f" identity changes: logsrv erase --finish --everywhere -d {shown(place)}"
        )
    print(
        "If the store that was backed up still runs, or has shipped lines since, give this one another"
        f" identity before that: logsrv ship --new-identity {directory}"
    )
    for one, backup in found:
        if backup.lacks_promised_lines:
            lines = counted(backup.promised_lines or 0, "line")
            tell(
                f"logsrv restore: {shown(one)} had {lines} once, and has fewer: logsrv doctor says more"
            )
    return 1 if any(one.damaged or one.lacks_promised_lines for _, one in found) else 0


def stores_to_copy(directory: str, to: str) -> list[tuple[str, str]]:
    """Return the stores of rules, then the main one, each with the directory for its copy.

    The main store comes last: TO is a complete backup only when all of them are.
    """
    _require_separate_directories(directory, to)
    _require_no_other_store(to)
    with store_errors(f"{shown(directory)} cannot be read"):
        found = rule_stores(directory)
    return [
        *((place, directory_of_rule(to, name)) for name, place in found.items()),
        (directory, to),
    ]


def _require_no_other_store(to: str) -> None:
    """Raise StoreError if `to` has a store that is no backup: later, that of a rule would be named."""
    names = set(os.listdir(to)) if os.path.isdir(to) else set()
    if ACTIVE in names and BACKUP not in names:
        raise StoreError(
            f"{shown(to)} is not empty: it has a store; take a new or an empty directory"
        )


def _lost_stores(directory: str, to: str) -> list[str]:
    """Return the copies of stores that are not there any more."""
    present = rule_stores(directory)
    return [place for name, place in rule_stores(to).items() if name not in present]


def copy_store(directory: str, to: str, command: str, *, delete: bool = False) -> Backup:
    """Copy a store into a directory, which is locked meanwhile. command: `backup` or `restore`.

    Raises StoreError.
    """
    _require_separate_directories(directory, to)
    hint = "; an archive has a URL, such as file:///srv/archive" if command == "restore" else ""
    with store_errors(f"{shown(directory)} cannot be read", hint):
        source = Disk().open_directory(directory)
    try:
        require_known_format(source)
        # Check the store before any directory is made.
        if source.has_name(BACKUP) and (process := owning_process(directory)) is not None:
            raise StoreError(
                f"{shown(directory)} is in use by process {process}; wait until that process has ended"
            )
        backup_note.require_whole_backup(source)
        if not source.has_name("current.log"):
            raise StoreError(
                f"{shown(directory)} is no store of logsrv: there is no current.log in it{hint}"
            )
        make_directory(Path(to))
        if os.geteuid() == 0 and os.path.basename(os.path.dirname(to)) == FOLDER:
            _give_folder(directory, to)
        with locked(to) as target:
            backup = Backup(source, target, command, lambda: rfc3339(time.time()))
            with closing(CareProgress()) as progress:
                for number, name in enumerate(backup.copy_segments(delete=delete), 1):
                    progress.show_part(number, name)
            if command == "restore":
                backup_note.make_ordinary_store(target)
            if os.geteuid() == 0:
                give_store_to(source.stat("."), target)
    except OSError as error:
        where = f" ({error.filename})" if isinstance(error.filename, str) else ""
        raise StoreError(
            f"{shown(directory)} could not be brought to {shown(to)}:"
            f" {reason(error)}{where}; the copied files stay there, and the same command"
            " continues with them"
        ) from error
    finally:
        source.close()
    for name, how in backup.damaged.items():
        if how is CopyMethod.EARLIER:
            tell(
                f"logsrv {command}: {name}: lines were erased in its archive, and the text that is in"
                f" {shown(to)} still has them: `logsrv erase … -d {shown(to)}` erases them there, or"
                " --delete removes that text, which the store has in its archive alone"
            )
            continue
        kept = "another one is there already, which stays"
        came = kept if how is CopyMethod.KEPT else "it was copied as it is"
        tell(f"logsrv {command}: {name} is damaged, and {came}: logsrv doctor says more")
    return backup


def _give_folder(directory: str, to: str) -> None:
    """Give the folder of the stores of rules to the owner of the one that is copied. Raises OSError."""
    of = os.stat(os.path.dirname(directory))
    os.chown(os.path.dirname(to), of.st_uid, of.st_gid)


def _require_separate_directories(directory: str, to: str) -> None:
    one, other = os.path.realpath(directory), os.path.realpath(to)
    if os.path.commonpath([one, other]) in (one, other):
        raise StoreError(
            f"{shown(to)} is not apart from {shown(directory)}: neither may be in the other"
        )


def contents_summary(backup: Backup, at: str = "") -> str:
    """Return the contents of a backup as a part of a sentence. at: what stands for the position."""
    lines = "all lines" if backup.note.lines is None else counted(backup.note.lines, "line")
    at = at or f", up to {backup.note.place}"
    came = ", ".join(
        f"{count} {how.value}"
        for how, count in sorted(backup.copied.items(), key=lambda item: item[0].value)
    )
    return f"{lines}{at}" + (f"; of its segments {came}" if came else "")
