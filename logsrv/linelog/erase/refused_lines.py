"""The lines that a target has refused stand in `ship/NAME.refused` and `.refused.old`, as they were stored.

They are overwritten in place. A shipper only adds lines to the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.erased_line import erased_line, is_erased
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, make_source_test
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.backup_note import store_folders

_SUFFIXES = (".refused", ".refused.old")


def erase_refused_lines(disk: Disk, matcher: Matcher, scope: Scope, *, dry_run: bool) -> int:
    """Erase what a query finds in these files; return the number of lines. Raises OSError."""
    found = 0
    for folder, inside in store_folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder else ():
            if name.endswith(_SUFFIXES):
                with Descriptor(inside.open(name, os.O_RDONLY if dry_run else os.O_RDWR)) as fd:
                    spans = [*_matching(fd, matcher, scope)]
                    found += len(spans)
                    if not dry_run:
                        for start, line in spans:
                            inside.write_at(fd, erased_line(line), start)
                        inside.fdatasync(fd)
    return found


def _matching(fd: int, matcher: Matcher, scope: Scope) -> Iterator[tuple[int, bytes]]:
    text = os.pread(fd, os.fstat(fd).st_size, 0)
    text = text[: text.rfind(b"\n") + 1]
    is_of = make_source_test(scope.source)
    for start, end in matcher.find(text, None, NO_FIRST_LINES):
        line = text[start:end]
        time = line[: len(scope.since or scope.until)].decode("latin-1")
        in_time = time >= scope.since and (not scope.until or time < scope.until)
        if in_time and (is_of is None or is_of(text, start, end)) and not is_erased(line):
            yield start, line
