"""Verify a store, and repair what can be repaired.

All of it is read: compressed segments by their checksums, indexes, word
indexes, catalogs, the numbers of segments, the notes and the places that
targets and alerts have kept. A server may go on writing meanwhile; it is
disturbed by nothing but the reading, which comes after all else. --quick
reads no text: structure, sizes and small files only.

Each finding says what is wrong, where, and what to do:
  lost     lines cannot be read
  damaged  all lines can be read, and something else is wrong
  note     nothing is wrong, and it is good to know

--repair makes indexes and notes anew where that is certain, and removes
nothing: what it replaces stays as NAME.damaged. Beside a server it repairs
only what is not the server's: indexes and catalogs.

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

import attrs

from logsrv.cli.progress import CareProgress
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import counted, shown, size_text
from logsrv.linelog.cursors.place import all_kept
from logsrv.linelog.read.view import View
from logsrv.linelog.store.care.examine import Examination, StorePart
from logsrv.linelog.store.care.findings import StoreFinding, Weight
from logsrv.linelog.store.care.notes import KeptPlace
from logsrv.linelog.store.care.owned import give_files_of_root
from logsrv.linelog.store.segments.disk import Disk, explanation, reason
from logsrv.linelog.store.segments.lock import locked


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
        with Disk().enter(directory) as disk, contextlib.ExitStack() as undo:
            progress = CareProgress()
            examination = Examination(
                disk=disk,
                places=lambda: kept_places(directory),
                quick=arguments.quick,
                read=progress.read,
            )
            visit = DoctorVisit(examination, progress, repair=arguments.repair)
            if arguments.repair:
                try:
                    undo.enter_context(locked(directory))
                except StoreError as error:
                    # A store that nobody may write into cannot be repaired at all.
                    if "is in use by" not in str(error):
                        raise
                    visit.owns = str(error)
                undo.callback(give_files_of_root, disk)
            visit.go()
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

    def __init__(
        self, examination: Examination, progress: CareProgress, *, repair: bool = False
    ) -> None:
        self.owns = ""
        self.left: list[StoreFinding] = []
        self.repaired: list[StoreFinding] = []
        self.notes: list[StoreFinding] = []
        self._refused: dict[tuple[str, str], str] = {}
        self._examination = examination
        self._progress = progress
        self._repair = repair

    def go(self) -> None:
        """Look at all parts, and repair. Raises OSError and StoreError."""
        parts = self._examination.parts()
        try:
            for number, part in enumerate(parts, 1):
                self._progress.at(number, part.label, of=len(parts))
                self._look(part)
        finally:
            self._progress.end()

    def _look(self, part: StorePart) -> None:
        """Look at a part, repair what was found, and look at it again; count what is left."""
        left = found = part.findings()
        if self._repair and [one for one in found if self._is_tried(one)]:
            left = part.findings()
        there = {(one.kind, one.name) for one in left}
        self.repaired += [one for one in found if (one.kind, one.name) not in there]
        for one in left:
            (self.notes if one.weight is Weight.NOTE else self.left).append(one)

    def _is_tried(self, one: StoreFinding) -> bool:
        """Return whether a repair was tried, which may have failed."""
        if one.remedy is None:
            return False
        if self.owns and not one.beside_server:
            self._refused[one.kind, one.name] = f"not repaired: {self.owns}"
            return False
        try:
            one.remedy()
        except (OSError, ValueError, StoreError) as error:
            self._refused[one.kind, one.name] = f"it cannot be repaired: {explanation(error)}"
        return True

    def told(self, directory: str) -> dict[str, object]:
        """Return all of it for programs."""
        examination = self._examination
        return {
            "store": directory,
            "sound": not self.left,
            "segments": len(examination.looked),
            "lines": examination.lines,
            "text": examination.readable,
            "end": str(examination.end),
            "quick": examination.quick,
            "findings": [self._object(one) for one in (*self.left, *self.notes)],
            "repaired": [self._object(one) for one in self.repaired],
        }

    def _object(self, one: StoreFinding) -> dict[str, object]:
        return {
            **attrs.asdict(one, filter=lambda field, _: field.name != "remedy"),
            "weight": one.weight.value,
            "can_be_repaired": one.remedy is not None,
            "not_repaired": self._refused.get((one.kind, one.name)),
        }

    def print(self, directory: str) -> None:
        """Print all of it for people."""
        for one in (*self.notes, *self.repaired, *self.left):
            self._print(one)
        examination = self._examination
        lines, text = examination.lines, examination.readable
        held = "" if lines is None else f"{counted(lines, 'line')}, "
        size = "" if text is None else f"{size_text(text)} of text, "
        print(
            f"{shown(directory)}: {counted(len(examination.looked), 'segment')}, {held}{size}up to"
            f" {examination.end}: {self._verdict()}"
        )

    def _verdict(self) -> str:
        lost = sum(one.weight is Weight.LOST for one in self.left)
        if not self.left:
            return "sound" if not self.repaired else f"sound; {len(self.repaired)} repaired"
        return f"{lost} lost, {len(self.left) - lost} damaged, {len(self.repaired)} repaired"

    def _print(self, one: StoreFinding) -> None:
        is_repaired = one in self.repaired
        word = "repaired" if is_repaired else one.weight.value
        print(one_line(f"{word}: {one.name}: {one.what}", SHOWN_PATH_LENGTH))
        refused = self._refused.get((one.kind, one.name), "")
        for sentence in ("" if is_repaired else one.advice, refused):
            if sentence:
                print(f"    {one_line(sentence, 2000)}")
