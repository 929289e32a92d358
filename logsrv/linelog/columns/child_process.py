"""The process that makes and verifies columns (child_side.py), seen from the server or a command.

It gets open files and no names, as packing.py does. A file of columns has a temporary name until it is
complete and on the medium, and its own only while the text of its segment is there. So a crash at any point
leaves whole files, and temporary ones, which the next start of a server removes.
"""

from __future__ import annotations

import enum
import errno
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from logsrv.descriptor import Descriptor
from logsrv.kit.children.blocking import BlockingChild
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.index.segment_index import text_size_and_lines
from logsrv.linelog.store.index.text_before import text_before
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import Segment, tmp
from logsrv.linelog.store.starting.making import right_to_make

LEAST_TEXT = 1 << 20
"""The least bytes of text for columns: less text is read as fast."""


def columns_are_installed() -> bool:
    """Return whether the extra `columns` is installed, without loading it."""
    return importlib.util.find_spec("pyarrow") is not None


class ColumnsOutcome(enum.Enum):
    """The outcome for a segment. NONE: it gets none, as it is small, or has too large a frame."""

    MADE = "made"
    KEPT = "kept"
    NONE = "none"


class ColumnsCheck(NamedTuple):
    """The result of a look at a file of columns.

    why: why it cannot be used; "" if it can, or is missing. is_outdated: whether the only reason is that a
    version with other rules has made it, which is no damage.
    """

    why: str = ""
    is_outdated: bool = False


class ColumnsProcess:
    """Makes columns in a process, which is started at the first order. Belongs to one thread.

    module: the module that runs in the process. is_wanted_now: whether somebody waits for it; else it gets
    only the time of the processors that no other process wants, and an existing file is read whole
    only when it is used. child: the process; None if it does not run.
    """

    def __init__(
        self, module: str = "logsrv.linelog.columns.child_side", *, is_wanted_now: bool = False
    ) -> None:
        self._module = module
        self._is_wanted_now = is_wanted_now
        self.child: BlockingChild | None = None

    def make(
        self, packed: Segment, disk: Disk, going: Callable[[], bool] = lambda: True
    ) -> ColumnsOutcome:
        """Make the columns of a segment, unless it has usable ones.

        going: called often while this waits; returns false to stop, or raises.

        Raises Interrupted; AnotherMakesFiles if another process makes them, for which this waits if
        somebody waits for it; FileNotFoundError if the segment was removed; OSError; ValueError if the
        segment or its index is damaged.
        """
        if text_size_and_lines(packed, disk)[0] < LEAST_TEXT:
            return ColumnsOutcome.NONE
        if not going():
            raise Interrupted
        name = tmp(packed.columns)
        with ExitStack() as undo:
            text = undo.enter_context(Descriptor(disk.open(packed.name, os.O_RDONLY)))
            undo.enter_context(right_to_make(text, wait=self._is_wanted_now))
            index = undo.enter_context(Descriptor(disk.open(packed.index, os.O_RDONLY)))
            there = disk.has_name(packed.columns)
            if there and not self.check(packed, disk, whole=self._is_wanted_now, going=going).why:
                return ColumnsOutcome.KEPT
            undo.callback(disk.unlink, name)
            # The second takes the name of the first, which is gone with the process.
            spool = undo.enter_context(Descriptor(disk.create_anew(name)))
            before, at = text_before(packed, disk), 0
            while at < len(before):
                at += os.pwrite(spool, before[at:], at)
            made = undo.enter_context(Descriptor(disk.create_anew(name)))
            files = {"text": text, "index": index, "columns": made, "spool": spool}
            found = self._ask({}, files, going)
            if "error" in found:
                raise ValueError(found["error"])
            disk.fdatasync(made)
            if not going():
                raise Interrupted
            if not (disk.leads_to(name, made) and disk.leads_to(packed.name, text)):
                raise FileNotFoundError(errno.ENOENT, "the file was removed meanwhile", name)
            if "columns" in found["not kept"]:
                return ColumnsOutcome.NONE
            disk.rename(name, packed.columns)
        if not disk.has_name(packed.name):
            # Retention has removed the text at this moment, and looked for columns before they had a name.
            disk.unlink(packed.columns)
        return ColumnsOutcome.MADE

    def check(
        self,
        packed: Segment,
        disk: Disk,
        *,
        whole: bool = False,
        going: Callable[[], bool] = lambda: True,
    ) -> ColumnsCheck:
        """Return whether a file of columns is damaged, not of its segment, or outdated.

        whole: whether to read all of it. Raises OSError if the process does not start, and Interrupted.
        """
        if not disk.has_name(packed.columns):
            return ColumnsCheck()
        self._start()
        try:
            with ExitStack() as undo:
                files = {
                    role: undo.enter_context(Descriptor(disk.open(name, os.O_RDONLY)))
                    for role, name in (("index", packed.index), ("columns", packed.columns))
                }
                found = self._ask({"check": "all" if whole else "identity"}, files, going)
                return ColumnsCheck(str(found.get("error", "")), "outdated" in found)
        except FileNotFoundError:
            return ColumnsCheck()
        except OSError as error:
            # Any file may have the name, and even end the process that looks at it.
            return ColumnsCheck(explanation(error))

    def _start(self) -> BlockingChild:
        if self.child is None:
            self.child = BlockingChild(self._module)
            if not self._is_wanted_now:
                # Set here, because the imports of the process take a second of a processor.
                _leave_processors_to_others(self.child.process.pid)
        return self.child

    def _ask(
        self, order: Mapping[str, str], files: Mapping[str, int], going: Callable[[], bool]
    ) -> dict[str, Any]:
        """Give an order with open files; return the answer. Any failure ends the process."""
        child = self._start()
        try:
            child.send({**order, "files": list(files)}, list(files.values()))
            while (answer := child.receive()) is None:
                if not going():
                    raise Interrupted
            found: dict[str, Any] = json.loads(answer)
            if "errno" in found:
                raise OSError(found["errno"], os.strerror(found["errno"]))
        except BaseException:
            # After an error of memory as well: another process begins with none in use.
            self.end()
            raise
        return found

    def end(self) -> None:
        """End the process, even a busy one."""
        child, self.child = self.child, None
        if child is not None:
            child.kill()


def _leave_processors_to_others(process: int) -> None:
    os.setpriority(os.PRIO_PROCESS, process, 19)
    # Sealing may have the niceness 19 as well, and goes first. A unit may refuse this.
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))
