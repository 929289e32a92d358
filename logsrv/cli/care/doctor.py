"""Verify a store, and repair what can be repaired.

All of it is read: compressed segments by their checksums, indexes, word
indexes, catalogs, the numbers of segments, the notes and the places that
targets and alerts have kept. A server may go on writing meanwhile; it is
disturbed by nothing but the reading, which comes after all else. --quick
reads no text: structure, sizes and small files only.

Each finding says what it is, what it means for the lines, and what to do:
  lost     lines cannot be read
  damaged  all lines can be read, and something else is wrong
  note     nothing is wrong, and it is good to know

--repair makes indexes and notes anew where that is certain, and removes
nothing: what it replaces stays as NAME.damaged. Beside a server it repairs
only what is not the server's: indexes, catalogs and rights.

Example:

  logsrv doctor /var/lib/logsrv/lines

Exit status: 0 when nothing is lost or damaged, or all was repaired; 1 when
something is left, or the store cannot be read; 2 when the command line makes
no sense.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from logsrv.cli.care.progress import CareProgress
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import counted, shown, size_text
from logsrv.linelog.cursors.place import all_kept
from logsrv.linelog.read.view import View
from logsrv.linelog.store.care.doctor.examine import Examination, StorePart
from logsrv.linelog.store.care.doctor.examine import total as total_of
from logsrv.linelog.store.care.doctor.findings import StoreFinding, Weight
from logsrv.linelog.store.care.doctor.kept import KeptPlace
from logsrv.linelog.store.care.owned import give_files_of_root
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.disk.lock import locked


def declare(parser: Parser) -> None:
    parser.add_argument("--quick", action="store_true", help="structure and sizes only, no text")
    parser.add_argument("--repair", action="store_true", help="repair what can be repaired")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    parser.add_argument("directory", metavar="DIR", help="the store")


def run(arguments: argparse.Namespace) -> int:
    """Raises StoreError for a store that cannot be read."""
    # A server beside us comes first.
    os.nice(10)
    directory: str = arguments.directory
    try:
        with View(directory, lambda _: None):
            pass
        with contextlib.ExitStack() as undo:
            disk = Disk().enter(directory)
            undo.callback(disk.leave)
            progress = CareProgress()
            visit = DoctorVisit(
                Examination(
                    disk=disk,
                    places=lambda: kept_places(directory),
                    quick=arguments.quick,
                    pause=time.sleep,
                    read=progress.read,
                ),
                progress,
            )
            if arguments.repair:
                visit.owns = undo.enter_context(_owned(directory))
                undo.callback(give_files_of_root, disk)
            visit.go(repair=arguments.repair)
    except OSError as error:
        within = "" if error.filename in (None, directory) else f" ({shown(error.filename)})"
        advice = ": run this as root" if isinstance(error, PermissionError) else ""
        raise StoreError(
            f"{shown(directory)} cannot be read: {reason(error)}{within}{advice}"
        ) from error
    if arguments.json:
        print(json.dumps(visit.told(directory), indent=1))
    else:
        visit.print(directory)
    return 1 if visit.left else 0


@contextlib.contextmanager
def _owned(directory: str) -> Iterator[str]:
    """Have the store alone, if nobody else has it; give why not, or "".

    Raises StoreError for a store that nobody may write into.
    """
    with contextlib.ExitStack() as undo:
        why = ""
        try:
            undo.enter_context(locked(directory))
        except StoreError as error:
            if "is in use by" not in str(error):
                raise
            why = str(error)
        yield why


def kept_places(directory: str) -> list[KeptPlace]:
    """Return the places that readers of a store have kept. Raises OSError."""
    return [
        KeptPlace(name, wrong=why)
        if found is None
        else KeptPlace(name, found.position, found.store)
        for name, found, why in all_kept(directory)
    ]


class DoctorVisit:
    """An examination with its outcome.

    owns: why the store is not ours alone while we repair, or "". left: findings that matter and are there
    still. repaired: findings that are gone. notes: what is good to know.
    """

    def __init__(self, examination: Examination, progress: CareProgress) -> None:
        self.owns = ""
        self.left: list[StoreFinding] = []
        self.repaired: list[StoreFinding] = []
        self.notes: list[StoreFinding] = []
        self._refused: dict[tuple[str, str], str] = {}
        self._examination = examination
        self._progress = progress

    def go(self, *, repair: bool) -> None:
        """Look at all parts, and repair. Raises OSError and StoreError."""
        examination = self._examination
        rows = examination.parts()
        total, numbers = sum(map(len, rows)), count(1)

        def look(part: StorePart) -> None:
            self._progress.at(next(numbers), part.label, of=total)

        try:
            for row in rows:
                self._judge(examination.findings(row, look), repair=repair)
        finally:
            self._progress.end()

    def _judge(self, found: Mapping[StorePart, Sequence[StoreFinding]], *, repair: bool) -> None:
        """Repair what was found, and look at that again; count what is left."""
        tried = [part for part, wrong in found.items() if repair and self._repaired(wrong)]
        again = self._examination.findings(tried) if tried else {}
        for part, wrong in found.items():
            left = again.get(part, ()) if part in tried else wrong
            there = {(one.kind, one.name) for one in left}
            self.repaired += [one for one in wrong if (one.kind, one.name) not in there]
            for one in left:
                (self.notes if one.weight is Weight.NOTE else self.left).append(one)

    def _repaired(self, found: Sequence[StoreFinding]) -> bool:
        """Repair what can be; return whether anything was tried."""
        tried = False
        for one in found:
            if one.remedy is None:
                continue
            if self.owns and not one.remedy.beside_server:
                self._refused[one.kind, one.name] = f"not repaired: {self.owns}"
                continue
            tried = True
            try:
                one.remedy.make()
            except (OSError, ValueError, StoreError) as error:
                why = explanation(error)
                self._refused[one.kind, one.name] = f"it cannot be repaired: {why}"
        return tried

    def told(self, directory: str) -> dict[str, object]:
        """Return all of it for programs."""
        examination = self._examination
        return {
            "store": directory,
            "sound": not self.left,
            "segments": len(examination.texts),
            "lines": total_of(examination.lines),
            "text": examination.readable,
            "end": str(examination.end),
            "quick": examination.quick,
            "findings": [self._object(one) for one in (*self.left, *self.notes)],
            "repaired": [self._object(one) for one in self.repaired],
        }

    def _object(self, one: StoreFinding) -> dict[str, object]:
        return {
            "weight": one.weight.value,
            "kind": one.kind,
            "name": one.name,
            "what": one.what,
            "means": one.means,
            "advice": one.advice,
            "lines": one.lines,
            "can_be_repaired": one.remedy is not None,
            "not_repaired": self._refused.get((one.kind, one.name)),
        }

    def print(self, directory: str) -> None:
        """Print all of it for people."""
        for one in self.notes:
            self._print(one.weight.value, one)
        for one in self.repaired:
            self._print("repaired", one)
        for one in self.left:
            self._print(one.weight.value, one)
        examination = self._examination
        lines, text = total_of(examination.lines), examination.readable
        held = "" if lines is None else f"{counted(lines, 'line')}, "
        size = "" if text is None else f"{size_text(text)} of text, "
        print(
            f"{shown(directory)}: {counted(len(examination.texts), 'segment')}, {held}{size}up to"
            f" {examination.end}: {self._verdict()}"
        )

    def _verdict(self) -> str:
        lost = sum(one.weight is Weight.LOST for one in self.left)
        if not self.left:
            return "sound" if not self.repaired else f"sound; {len(self.repaired)} repaired"
        return f"{lost} lost, {len(self.left) - lost} damaged, {len(self.repaired)} repaired"

    def _print(self, word: str, one: StoreFinding) -> None:
        print(one_line(f"{word}: {one.name}: {one.what}", SHOWN_PATH_LENGTH))
        refused = self._refused.get((one.kind, one.name), "")
        advice = "" if word == "repaired" else one.advice
        for sentence in (one.means, advice, refused):
            if sentence:
                print(f"    {one_line(sentence, 2000)}")
