"""Overwrite lines of a store for ever, such as those of a person who asks for that.

SOURCE and MESSAGE of each line that matches are overwritten with filler of the same length, in sealed
segments and in current.log, beside a running server too. TIME and positions stay. Word indexes and columns
are made again. Other lines stay as they are, also those of the same record: --records erases whole records,
such as a stack trace.

The file `erased` of the store notes when, why (--reason), by whom, how many lines and in which segments,
never their text or the query; `logsrv erase --list` shows it. An erase that was interrupted goes on at the
next start of the server, with the next `logsrv erase`, or with --finish.

At the end stands where else lines are: targets, archives, lakes, backups. --everywhere puts the segments
into archives and lakes of the store again, also those of earlier erases, and erases in segments that only
an archive has. Text that was overwritten or removed may still be on the disk itself, until the file system
uses the place again.

Example:

  logsrv erase user=ann --since 2026-11-01 --reason "request 17"

Exit status: 0, 1 when no line matches, 2 when something is wrong, or lines could not be read or erased.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial

from logsrv.cli.arguments import aligned_columns, only_store, tell
from logsrv.cli.command import Command
from logsrv.errors import StoreError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown
from logsrv.linelog.commands import reading
from logsrv.linelog.erase.away_lines import is_away_unfinished
from logsrv.linelog.erase.erase_run import EraseRun
from logsrv.linelog.erase.everywhere import rewrite_everywhere
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.file_owner import give_files_of_root
from logsrv.linelog.store.lock import StoreInUseError, locked
from logsrv.linelog.store.notes.backup_note import require_whole_backup
from logsrv.linelog.store.notes.erase_plan import NAME as PLAN
from logsrv.linelog.store.notes.erase_plan import PlanFile, locked_plan
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.rule_stores import other_stores_sentence
from logsrv.linelog.store.segment import IMPORTING, RESTORING
from logsrv.memory import keep_freed_memory

command = Command("erase", "overwrite lines of a store for ever", __name__, searches=True)

_LONGEST_REASON = 500


def declare(parser: Parser) -> None:
    reading.declare_query(parser)
    reading.declare_store(parser, to_write=True)
    reading.declare_scope(parser)
    add = parser.add_argument
    add("--all", action="store_true", help="erase all lines of the store")
    add("--utc", action="store_true", help="read times without a zone as UTC, not as local")
    add("--records", action="store_true", help="erase the whole record of each line")
    add("--reason", metavar="TEXT", default="", help="why, for the note and the log")
    add("--everywhere", action="store_true", help="also rewrite archives and lakes of the store")
    add("--dry-run", action="store_true", help="only say how many lines, and where copies are")
    add("--yes", action="store_true", help="erase without a question")
    others = parser.add_mutually_exclusive_group()
    others.add_argument("--list", action="store_true", help="show what was erased before")
    others.add_argument("--finish", action="store_true", help="finish an interrupted erase")


def run(arguments: argparse.Namespace) -> int:
    """Erase, and return the exit status. Raises UsageError and StoreError."""
    directory = only_store(arguments)
    _require_sense(arguments)
    matcher = reading.matcher_with_hints(arguments.query, "erase")
    scope = reading.make_scope(arguments)
    if not arguments.list and (others := other_stores_sentence(directory, "erases in")):
        tell(f"logsrv erase: {others}")
    keep_freed_memory()
    # Low priority: a server on this machine goes first.
    os.nice(10)
    try:
        with Disk().open_directory(directory) as disk:
            if arguments.list:
                return _list(disk)
            asked = EraseRun(
                directory,
                disk,
                matcher,
                scope,
                whole_records=arguments.records,
                everywhere=arguments.everywhere,
                reason=arguments.reason,
            )
            _require_complete(directory, disk)
            return _count(asked) if arguments.dry_run else _erase(asked, arguments)
    except BrokenPipeError:
        # The reader of the output has ended: no fault of the store.
        raise
    except (OSError, ValueError) as error:
        # A name of a file in the store, which says what to look at.
        of = getattr(error, "filename", None)
        within = "" if of in (None, directory) else f" ({shown(str(of))})"
        why = f"{explanation(error)}{within}"
        raise StoreError(f"{shown(directory)} cannot be erased in: {why}") from error


def _require_sense(arguments: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    limits = arguments.query or arguments.since or arguments.until or arguments.source
    if arguments.list or arguments.finish:
        if limits or arguments.all:
            raise UsageError("--list and --finish take no query")
    elif arguments.all and limits:
        raise UsageError("--all takes all lines of the store, and no query, --since or --until")
    elif not arguments.all and not limits:
        raise UsageError("which lines? Give a query, --since or --until; or --all")
    if len(arguments.reason) > _LONGEST_REASON or not arguments.reason.isprintable():
        raise UsageError(
            f"--reason may have at most {_LONGEST_REASON} characters, and no line break"
        )


def _list(disk: Disk) -> int:
    """Print the earlier erases."""
    rows = [
        (one.time, f"{one.lines:,}", f"{one.records:,}", f"{one.segments:,}", one.by, one.reason)
        for one in load_erased(disk).erasures
    ]
    head = ("time", "lines", "of records", "segments", "by", "reason")
    if rows:
        print(aligned_columns([head, *(tuple(map(one_line, row)) for row in rows)]), end="")
    return 0 if rows else reading.NOTHING


def _require_complete(directory: str, disk: Disk) -> None:
    """Raise StoreError for a store that an import or a restore has not finished. Raises OSError."""
    for name, other in ((RESTORING, "restore"), (IMPORTING, "import")):
        if disk.has_name(name):
            raise StoreError(
                f"{shown(directory)} is not complete: give the same `logsrv {other}` again first"
            )


def _count(asked: EraseRun) -> int:
    """Say what would be erased; return the exit status. Raises OSError and StoreError."""
    asked.find()
    asked.say_found("would be overwritten: {}", "would be forgotten")
    asked.say_copies()
    return asked.status


def _erase(asked: EraseRun, arguments: argparse.Namespace) -> int:
    """Erase; return the exit status. Raises OSError, StoreError and UsageError."""
    require_whole_backup(asked.disk)
    with _only_eraser(asked) as file:
        if (begun := file.read()) is not None:
            tell(f"logsrv erase: the erase of {begun.time} was interrupted; it is finished first")
            asked.carry_out(begun, file, again=True)
        # First, because all that follows puts segments of this store there.
        if arguments.everywhere and not asked.erase_as_elsewhere(file, _asker(arguments)):
            tell("logsrv erase: nothing more was erased")
            return reading.FAILED
        away = is_away_unfinished(asked.directory)
        if away and arguments.everywhere:
            tell("logsrv erase: an erase in archives was interrupted; it is finished first")
            if (done := asked.carry_out_away()) is not None:
                print(f"erased in archives: {done.lines:,} of {len(done.runs):,} segments")
        elif away:
            tell("logsrv erase: an erase in archives was interrupted: --everywhere continues it")
        elif begun is None and arguments.finish:
            print(f"no erase of {shown(asked.directory)} was interrupted")
    status = asked.status_of_erasing
    if not arguments.finish:
        # A server may be started while somebody thinks about the question.
        asked.find()
        if asked.has_found and not arguments.yes and not _agrees(asked.found_in_words):
            tell("logsrv erase: nothing was erased")
            return reading.FAILED
        if asked.has_found:
            with _only_eraser(asked) as file:
                asked.erase_found(file)
        asked.say_found("erased: {}", "forgotten")
        status = max(status, asked.status)
    # Also what was erased before: this option may have been left out then.
    if arguments.everywhere and not rewrite_everywhere(asked.directory, asked.disk):
        status = reading.FAILED
    asked.say_copies()
    if os.geteuid() == 0:
        give_files_of_root(asked.disk)
    return status


@contextlib.contextmanager
def _only_eraser(asked: EraseRun) -> Iterator[PlanFile]:
    """Be the only one that erases within the block, and keep a server from starting; one that runs goes on.

    Waits for the end of another erase. Raises OSError and StoreError.
    """
    with contextlib.ExitStack() as undo:
        where = shown(asked.directory)
        why = f"logsrv erase: another erase is under way in {where}; waiting for its end"
        # Also a server erases: it finishes an interrupted one.
        file = undo.enter_context(locked_plan(asked.disk, cache(partial(tell, why))))
        with contextlib.suppress(StoreInUseError):
            undo.enter_context(locked(asked.directory))
        try:
            yield file
        except (OSError, ValueError):
            # Such as a full disk: what was begun waits for its end.
            with contextlib.suppress(OSError):
                if asked.disk.has_name(PLAN) and file.read() is not None:
                    tell(
                        "logsrv erase: lines are left to erase: `logsrv erase --finish` continues, as does"
                        " the next start of a server"
                    )
            raise


def _asker(arguments: argparse.Namespace) -> Callable[[str], bool]:
    """Return what asks whether to erase what an archive says is erased there.

    Whoever can write into an archive can say so of any line. So the --yes of an erase by a query does not
    answer for these lines, but that of --finish does, which erases nothing else anew.
    """

    def agrees(what: str) -> bool:
        if not arguments.yes:
            return _agrees(what)
        if not arguments.finish:
            tell(f"logsrv erase: {what}. `logsrv erase --finish --everywhere` asks, and does this")
            return False
        tell(f"logsrv erase: {what}; this is done first")
        return True

    return agrees


def _agrees(what: str) -> bool:
    """Ask on the terminal. Raises UsageError without one."""
    if not sys.stdin.isatty():
        raise UsageError(f"{what}: without a terminal, --yes erases, and --dry-run only counts")
    print(f"{what}: erase for ever? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
