"""Import existing log files into a store, each line with its own time.

FILE may be plain, or compressed by gzip, zstd, bzip2 or xz. It has lines, or a journal as written by
`journalctl -o export`; - is standard input. Of a DIRECTORY, every text file is imported. The lines of all
files are sorted by their times. Within a file, a line that is older than the line before it gets that
line's time, and the file keeps its order; --sort moves it to where its time belongs. A line's time is read
from its text, in one of 33 forms: --dry-run says which, and how many lines of each file have none. A line
without a time gets the time of the line before it; in a file without any times, all get the file's own
time. SOURCE is file:FILE.

No server may have the store open. The store's lines have to be older than those of the files: import
first, then start the server. An interrupted import goes on when it is started again with the same files.
A sentence for each file and one for all files say what was imported, and what was not and why. Binary
files of a directory are named and left out.

Examples:

  logsrv import --directory /var/lib/logsrv/lines /var/log/syslog*
  journalctl -o export | logsrv import -

Exit status: 0, or 1 when something could not be read or imported.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from logsrv.cli.arguments import only_store, tell
from logsrv.cli.command import Command
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.terminal import StatusLine
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.commands.reading import declare_store
from logsrv.linelog.importing.files import STDIN, LogFile, Run, find_log_files, merge_by_moment
from logsrv.linelog.importing.summary import SkippedFileCounts, file_sentence, total_sentence
from logsrv.linelog.importing.writer import ImportWriter, open_for_import
from logsrv.linelog.store.disk import store_errors
from logsrv.linelog.store.policy import StorePolicy
from logsrv.memory import keep_freed_memory

command = Command("import", "take existing log files into a store", __name__)

_EVERY = 0.2
_MICRO = 1e6


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("files", metavar="FILE|DIRECTORY", nargs="+", help="what to import; - is standard input")
    declare_store(parser, to_write=True)
    add("--sort", action="store_true", help="sort the lines within each file by their times too")
    add("--dry-run", action="store_true", help="read all and say what would be imported")


def run(arguments: argparse.Namespace) -> int:
    """Import the files. Raises StoreError for a store that cannot take them, UsageError."""
    keep_freed_memory()
    directory = Path(only_store(arguments))
    # Raise the limit of open files: files whose times overlap are open at the same time, maybe thousands.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    started = time.monotonic()
    wrong: list[str] = []
    left = SkippedFileCounts()

    def say(sentence: str) -> None:
        wrong.append(sentence)
        tell(f"logsrv import: {sentence}")

    def leave(sentence: str) -> None:
        left.binary += 1
        tell(f"logsrv import: {sentence}")

    if arguments.sort and STDIN in arguments.files:
        raise UsageError(
            "--sort reads a file twice, which standard input cannot be; save it as a file"
        )
    files: Sequence[LogFile] = find_log_files(arguments.files, say, leave)
    left.unreadable = len(wrong)
    for file in files:
        file.by_time, file.exact = arguments.sort, arguments.dry_run
    if arguments.dry_run:
        for _ in _show_progress(merge_by_moment(files), files):
            pass
    elif files:
        with open_for_import(directory, StorePolicy()) as writer:
            found = files
            files = _import_new_files(
                found, writer, " ".join(time.tzname) + " sorted" * arguments.sort
            )
            left.imported = len(found) - len(files)
    for file in files:
        print(f"{file.shown}: {file_sentence(file)}")
    print(total_sentence(files, left, time.monotonic() - started))
    return 1 if wrong else 0


def _import_new_files(
    files: Sequence[LogFile], writer: ImportWriter, how: str
) -> Sequence[LogFile]:
    done = [file for file in files if file.identity in writer.done.files]
    for file in done:
        print(f"{file.shown}: imported already, left out")
    files = [file for file in files if file not in done]
    runs = merge_by_moment(files)
    first = next(runs, None)
    if first is None:
        return files
    writer.begin_import([file.identity for file in files], how, first[0])
    goes_on = "; the same command goes on where this one was"
    try:
        with store_errors(f"the store {writer.directory} takes no more", goes_on):
            for moment, file, lines in _show_progress(chain([first], runs), files):
                writer.append(moment, file.source, lines)
            writer.finish_import()
    except KeyboardInterrupt:
        tell(f"logsrv import: interrupted{goes_on}")
        raise
    return files


def _show_progress(runs: Iterator[Run], files: Sequence[LogFile]) -> Iterator[Run]:
    """Yield the runs of lines, and show the progress on a terminal."""
    line = StatusLine(sys.stderr, time.monotonic, _EVERY)
    whole = max(1, sum(file.size for file in files))
    for run in runs:
        yield run
        if line.due:
            read = min(100, 100 * sum(file.taken for file in files) // whole)
            lines = sum(file.dated.lines for file in files)
            where = rfc3339(run[0] / _MICRO)[:19]
            line.show(f"{read} %, {lines:,} lines, at {where}Z")
    line.clear()
