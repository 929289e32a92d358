"""Import existing log files into a store, each line with its own time.

FILE may be plain, or compressed by gzip, zstd, bzip2 or xz. It has lines, or a journal as written by
`journalctl -o export`; - is standard input. Of a DIRECTORY, every text file is imported. The lines of all
files are sorted by their times. Within a file, a line that is older than the line before it gets that
line's time, and the file keeps its order; --sort moves it to where its time belongs. A line's time is read
from its text, in one of 33 forms: --dry-run says which, and how many lines of each file have none. A line
without a time gets the time of the line before it; in a file without any times, all get the file's own
time. SOURCE is file:FILE. With --hostname or --hostname-from a line that says no hostname is stored with a
header before its text, `TIME NAME FILE: `; without these options each line is stored as it is.

No server may have the store open. The store's lines have to be older than those of the files: import
first, then start the server. An interrupted import goes on when it is started again with the same files.
A sentence for each file and one for all files say what was imported, and what was not and why. Binary
files of a directory are named and left out.

Examples:

  logsrv import --directory /var/lib/logsrv/lines /var/log/syslog*
  journalctl -o export | logsrv import -
  logsrv import --hostname-from 3 /srv/logs/*/app.log

Exit status: 0, or 1 when something could not be read or imported.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from logsrv.cli.arguments import only_store, tell
from logsrv.cli.command import Command
from logsrv.errors import StoreError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.terminal import StatusLine
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.commands.reading import declare_store
from logsrv.linelog.importing.files import STDIN, LogFile, Run, find_log_files, merge_by_moment
from logsrv.linelog.importing.hostnames import HostnameAdder, HostnameOfPath, hostname_option
from logsrv.linelog.importing.summary import SkippedFileCounts, file_sentence, total_sentence
from logsrv.linelog.importing.writer import (
    ImportWriter,
    YoungerLinesError,
    open_for_import,
)
from logsrv.linelog.store.disk import store_errors
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.rule_stores import other_stores_sentence
from logsrv.memory import keep_freed_memory

command = Command("import", "take existing log files into a store", __name__)

_EVERY = 0.2
# The most files whose names stand in a command of an error.
_MOST_NAMED = 4
_LONGEST_COMMAND = 2000
_MICRO = 1e6


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("files", metavar="FILE|DIRECTORY", nargs="+", help="what to import; - is standard input")
    declare_store(parser, to_write=True)
    add("--sort", action="store_true", help="sort the lines within each file by their times too")
    for_all = (
        "the hostname of lines that have none, for queries such as hostname=web1: they are stored"
    )
    add(
        "--hostname",
        metavar="NAME",
        type=hostname_option,
        help=f"{for_all} as TIME NAME FILE: LINE",
    )
    of_path = "take it from each file's absolute path: the number of a folder (3 is web1 in"
    others = "or an expression with one group; --hostname is for the others"
    add(
        "--hostname-from",
        metavar="N|EXPRESSION",
        type=HostnameOfPath,
        help=f"{of_path} /srv/logs/web1/app.log), {others}",
    )
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
        file.hostnames = _hostname_adder(file, arguments.hostname, arguments.hostname_from)
    if arguments.dry_run:
        for moment, file, lines in _show_progress(merge_by_moment(files), files):
            file.with_hostname(moment, lines)
    elif files:
        if others := other_stores_sentence(str(directory), "imports into"):
            tell(f"logsrv import: {others}; rules do not sort imported lines")
        with open_for_import(directory, StorePolicy()) as writer:
            found = files
            try:
                files = _import_new_files(found, writer, _options_that_change_lines(arguments))
            except YoungerLinesError as error:
                raise StoreError(f"{error}; {_way_beside(arguments, directory)}") from None
            left.imported = len(found) - len(files)
    for file in files:
        print(f"{file.shown}: {file_sentence(file)}")
    print(total_sentence(files, left, time.monotonic() - started))
    return 1 if wrong else 0


def _hostname_adder(
    file: LogFile, hostname: str | None, of_path: HostnameOfPath | None
) -> HostnameAdder | None:
    if of_path is not None and file.name != STDIN:
        found = of_path.find(os.path.abspath(file.name))
        file.has_no_hostname_in_path = found is None
        hostname = found or hostname
    return HostnameAdder(hostname, file.name, file.source) if hostname else None


def _options_that_change_lines(arguments: argparse.Namespace) -> str:
    """Return what an interrupted import has to have in common with the one that finishes it."""
    options = " ".join(time.tzname) + (" sorted" if arguments.sort else "")
    for name in ("hostname", "hostname_from"):
        if value := getattr(arguments, name):
            options += f" {name}={value}"
    return options


def _way_beside(arguments: argparse.Namespace, directory: Path) -> str:
    """Return the command that imports the same files into a store beside this one, and how to read both."""
    beside = f"{directory}-older"
    words = ["logsrv", "import", "--directory", beside, *(["--sort"] if arguments.sort else [])]
    for option, value in (
        ("--hostname", arguments.hostname),
        ("--hostname-from", arguments.hostname_from),
    ):
        words += [option, str(value)] if value else []
    names = [shlex.quote(one) for one in arguments.files]
    files = " ".join(names) if len(names) <= _MOST_NAMED else f"{names[0]} …"
    both = shlex.join(["logsrv", "search", "-d", str(directory), "-d", beside])
    return one_line(
        f"import them beside it: {shlex.join(words)} {files} ({both} reads both as one)",
        _LONGEST_COMMAND,
    )


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
    goes_on = "; the same command continues where this one stopped"
    try:
        with store_errors(f"the store {writer.directory} takes no more", goes_on):
            for moment, file, lines in _show_progress(chain([first], runs), files):
                writer.append(moment, file.source, file.with_hostname(moment, lines))
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
