"""Make the indexes and columns that sealed segments of a store lack.

A search reads only the parts of a sealed segment that its word index names. A segment gets its word index
when it is sealed. This command makes the index for segments that were sealed with --index none or by an
older version of logsrv, and replaces damaged ones. It does the same for the index of frames (.idx): with
one of an older version, a search can skip nothing by time. A word index that would take more than 15 % of
its segment is not kept: such segments are read whole.

Columns (.parquet) make figures fast. A server makes them itself, unless it has --no-columns; this command
makes the missing and damaged ones too, if the extra columns is installed. A server may go on writing.

Example:

  logsrv reindex --directory /var/lib/logsrv/lines

Exit status: 0, or 1 when a segment is damaged or an index could not be written.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

import attrs

from logsrv.cli.arguments import only_store, tell
from logsrv.cli.command import Command
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import shown
from logsrv.linelog.columns.child_process import (
    ColumnsOutcome,
    ColumnsProcess,
    columns_are_installed,
)
from logsrv.linelog.commands.reading import declare_store
from logsrv.linelog.store.disk import Disk, explanation, store_errors
from logsrv.linelog.store.file_owner import give_files_of_root
from logsrv.linelog.store.format import require_known_format
from logsrv.linelog.store.rule_stores import rule_stores
from logsrv.linelog.store.words.build import ReindexedSegment, make_missing_indexes
from logsrv.memory import keep_freed_memory

command = Command("reindex", "make the indexes and columns that sealed segments lack", __name__)

# The first MOST_NAMED segments are reported one by one; after them, one of REPORT_EVERY segments.
MOST_NAMED = 50
REPORT_EVERY = 1000


def declare(parser: Parser) -> None:
    declare_store(parser, to_write=True)


def run(arguments: argparse.Namespace) -> int:
    """Make the indexes, one segment after the other. Raises StoreError for a store that cannot be read."""
    keep_freed_memory()
    # Low priority: a server on this machine goes first. Not 19: then two busy programs on a core would
    # leave us a hundredth of it.
    os.nice(10)
    directory = only_store(arguments)
    with store_errors(f"the store {shown(directory)} cannot be read"):
        others = rule_stores(directory)
    every = (directory, *others.values())
    return max(_reindex(Path(one), f"{shown(one)}: " * (len(every) > 1)) for one in every)


def _reindex(directory: Path, begin: str) -> int:
    """Make the indexes of one store; return the exit status. begin: of the summary. Raises StoreError."""
    looked_at = made = failed = reported = 0
    with_columns = columns_are_installed()
    with (
        store_errors(f"the store {shown(str(directory))} cannot be read"),
        Disk().open_directory(directory) as disk,
        contextlib.ExitStack() as undo,
    ):
        require_known_format(disk)
        process = ColumnsProcess(is_wanted_now=True)
        undo.callback(process.end)
        for one in make_missing_indexes(disk):
            if with_columns:
                one = make_columns_too(one, disk, process)
            looked_at += not one.gone
            made += bool(one.made)
            failed += one.error is not None
            if one.error is not None:
                tell(f"logsrv reindex: {one.segment.name}: {one.error}")
            elif sentence := _made_indexes_sentence(one):
                reported += 1
                if reported <= MOST_NAMED:
                    print(f"{one.segment.name}: {sentence}", flush=True)
                elif reported % REPORT_EVERY == 0:
                    print(f"{looked_at} segments so far", flush=True)
        give_files_of_root(disk)
    print(f"{begin}{looked_at} sealed segments; indexes or columns were made for {made}")
    return 1 if failed else 0


def make_columns_too(
    one: ReindexedSegment, disk: Disk, process: ColumnsProcess
) -> ReindexedSegment:
    """Make the columns of a segment as well, unless it is damaged; return the whole result."""
    if one.gone or one.error is not None:
        return one
    try:
        if process.make(one.segment, disk) is ColumnsOutcome.MADE:
            return attrs.evolve(one, made=(*one.made, "columns"))
    except (OSError, ValueError) as error:
        gone = not disk.has_name(one.segment.name)
        why = f"{one.segment.columns} cannot be made: {explanation(error)}"
        return attrs.evolve(one, gone=gone, error=None if gone else why)
    return one


def _made_indexes_sentence(one: ReindexedSegment) -> str | None:
    """Return what was done for a segment; None if nothing was necessary."""
    if one.gone:
        return "removed meanwhile"
    made = f"made its {' and its '.join(_NAMES[what] for what in one.made)}" if one.made else ""
    large = "a word index would be too large to be of use" if one.too_large else ""
    return "; ".join(filter(None, (made, large))) or None


_NAMES = {"index": "index of frames", "words": "word index", "columns": "columns"}
