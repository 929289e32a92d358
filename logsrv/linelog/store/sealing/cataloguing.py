"""Keeping catalogs while the store seals and removes: one is made when enough small segments wait for it.

Making one takes half a second of CPU time, so a process does it. No segment is sealed meanwhile, so it is
only a little nicer than the server: beside two busy programs that is 2 s, at 19 half a minute.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from select import select

from logsrv.kit.children.child import shared_environment
from logsrv.kit.children.inside import outlast_signals
from logsrv.linelog.store.catalog.build import SMALL, WANTED, make_catalog
from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import MOST, catalogs, last_number
from logsrv.linelog.store.disk.disk import TMP_SUFFIX, Disk
from logsrv.linelog.store.sealing.held import size_of
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segments.segment import (
    CATALOG_SUFFIX,
    Form,
    Segment,
    segments_and_names,
)
from logsrv.memory import keep_freed_memory

LOOK_EVERY = 0.1
NICER = 5


class Cataloguer:
    """The catalogs of a store. Beside a running server, `logsrv reindex` makes some as well.

    going: whether it is to go on; asked while a catalog is made.
    """

    def __init__(self, disk: Disk, going: Callable[[], bool]) -> None:
        self._disk = disk
        self._going = going
        self._waiting: dict[int, Segment] = {}
        self._wanted = WANTED
        self._sizes: dict[str, int] = {}
        self._begun = False

    @property
    def size(self) -> int:
        """The bytes of all catalogs."""
        return sum(self._sizes.values())

    @property
    def due(self) -> bool:
        """True if it is time for a catalog, or to see whether it is."""
        return not self._begun or len(self._waiting) >= self._wanted

    def begin(self) -> None:
        """List segments and catalogs; remove leftovers of a crash, and catalogs without segments.

        `make` does it if nobody has. Raises OSError.
        """
        segments, names = segments_and_names(self._disk)
        for name in names:
            if name.endswith(CATALOG_SUFFIX + TMP_SUFFIX):
                self._remove(name)
        found = Catalogs(self._disk, names, lambda _: None)
        used: set[str] = set()
        for segment in segments:
            known = found.known(segment) if segment.form is Form.PACKED else None
            if known is not None:
                used.add(known.catalog.name)
            elif segment.form is Form.PACKED:
                self.sealed(segment, size_of(segment.name, self._disk))
        for name in set(catalogs(names)) - used:
            self._remove(name)
        self._sizes = {name: size_of(name, self._disk) for name in sorted(used)}
        self._begun = True

    def look(self, names: Iterable[str]) -> None:
        """Know the catalogs among the names of a listing, and no others. Raises OSError."""
        self._sizes = {
            name: self._sizes.get(name) or size_of(name, self._disk) for name in catalogs(names)
        }

    def sealed(self, segment: Segment, size: int) -> None:
        """Take note of a packed segment, whose file has `size` bytes."""
        if size <= SMALL:
            self._waiting[segment.number] = segment

    def removed(self, segment: Segment) -> None:
        """Take note that retention has removed a segment, and all before it."""
        self._waiting.pop(segment.number, None)
        for name in list(self._sizes):
            if last_number(name) > segment.number:
                break
            del self._sizes[name]
            self._remove(name)

    def _remove(self, name: str) -> None:
        """Remove a file; one that stays, such as a directory, is looked at again by the next start."""
        with contextlib.suppress(OSError):
            self._disk.unlink(name)

    def make(self, with_words: bool) -> bool:
        """Make a catalog if enough segments wait for one; return whether enough wait for another.

        Raises OSError, and Interrupted.
        """
        if not self._begun:
            self.begin()
        if not self.due:
            return False
        chosen = [self._waiting[number] for number in sorted(self._waiting)[:MOST]]
        # Not again after each sealing, if it fails.
        self._wanted = len(self._waiting) + WANTED
        name = make_beside(chosen, self._disk, self._going, with_words=with_words)
        self._wanted = WANTED
        for segment in chosen:
            self._waiting.pop(segment.number, None)
        if name:
            # In order, but for one of segments that were left out before.
            self._sizes[name] = size_of(name, self._disk)
            self._sizes = dict(sorted(self._sizes.items()))
        return len(self._waiting) >= WANTED


def make_beside(
    segments: Sequence[Segment], disk: Disk, going: Callable[[], bool], *, with_words: bool
) -> str:
    """Do what `make_catalog` does in another process. Raises OSError, and Interrupted."""
    with contextlib.ExitStack() as undo:
        directory = disk.open(".", os.O_RDONLY)
        undo.callback(os.close, directory)
        # The process has the other end: it is closed when this one ends, however.
        stdin, held = os.pipe()
        undo.callback(os.close, held)
        order = [directory, with_words, [segment.name for segment in segments]]
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, json.dumps(order)],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(directory,),
                env=shared_environment(),
                # Ctrl-C is for the server, which ends this one.
                process_group=0,
            )
        finally:
            os.close(stdin)
        said, complaints = answer(process, going)
        if process.returncode or not said:
            why = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise OSError(errno.EIO, f"its process has ended: {why or process.returncode}")
        found = json.loads(said)
        if "errno" in found:
            raise OSError(found["errno"], os.strerror(found["errno"]))
        name: str = found["name"]
        return name


def answer(process: subprocess.Popen[bytes], going: Callable[[], bool]) -> tuple[bytes, bytes]:
    """Return what it says, and complains of, when it has ended. Raises Interrupted."""
    with process:
        try:
            while True:
                try:
                    return process.communicate(timeout=LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    if not going():
                        raise Interrupted from None
        finally:
            process.kill()


def has_server() -> bool:
    """Return whether the server that has started this process still runs."""
    return not select([sys.stdin], [], [], 0)[0]


def main(arguments: list[str]) -> int:
    """Make a catalog and say how; return the exit status."""
    outlast_signals()
    os.nice(NICER)
    keep_freed_memory()
    directory, with_words, names = json.loads(arguments[0])
    disk = Disk().hold(directory)
    segments = [Segment(int(name.partition("-")[0]), name, Form.PACKED) for name in names]
    try:
        name = make_catalog(segments, disk, going=has_server, with_words=with_words)
        found: dict[str, object] = {"name": name}
    except OSError as error:
        found = {"errno": error.errno or errno.EIO}
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
