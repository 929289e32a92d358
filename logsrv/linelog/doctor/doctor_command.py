"""Verify a store, and repair what can be repaired.

The whole store is read: compressed segments with their checksums, indexes,
word indexes, columns, the numbers of segments, small files, and the places of
targets and alerts. A server may go on writing meanwhile: the command reads with low
priority, and disturbs nothing else. --quick reads no text, only structure,
sizes and small files.

The stores of [[retention]] rules, in DIR/stores, are verified one after the other.

Each finding says what is wrong, where, and what to do:
  lost     lines cannot be read
  damaged  all lines can be read, but something else is wrong

After an upgrade that changes the rules for fields or levels, a note says how many
indexes and columns the earlier version has made. Answers are right meanwhile.

--repair makes indexes and small files again if they can be made with certainty.
It removes only damaged columns, made from the text: any other file that it
replaces stays as NAME.damaged. While a server uses the store, it repairs only
indexes and columns.

Example:

  logsrv doctor /var/lib/logsrv/lines

Exit status: 0 when nothing is lost or damaged, or all was repaired; 1 when
findings remain, or the store cannot be read; 2 when the command line makes no
sense.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial

import attrs

from logsrv.cli.arguments import parse_directory
from logsrv.cli.command import Command
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import counted, shown
from logsrv.linelog.columns.child_process import ColumnsProcess, columns_are_installed
from logsrv.linelog.commands.progress import CareProgress
from logsrv.linelog.doctor.examine import Examination, Kept
from logsrv.linelog.doctor.findings import LOST, StoreFinding
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk, explanation, reason, store_errors
from logsrv.linelog.store.file_owner import give_files_of_root
from logsrv.linelog.store.lock import StoreInUseError, locked
from logsrv.linelog.store.place import Place, saved_places
from logsrv.linelog.store.rule_stores import main_store_of, rule_stores
from logsrv.linelog.store.segment import number_of_store

command = Command("doctor", "verify a store, and repair what can be repaired", __name__)


def declare(parser: Parser) -> None:
    parser.add_argument("--quick", action="store_true", help="structure and sizes only, no text")
    parser.add_argument("--repair", action="store_true", help="repair what can be repaired")
    parser.add_argument("directory", metavar="DIR", type=parse_directory, help="the store")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings, and return the exit status. Raises StoreError if a store cannot be read."""
    # Low priority: a server on this machine goes first.
    os.nice(10)
    directory: str = arguments.directory
    with store_errors(f"{shown(directory)} cannot be read"):
        others = rule_stores(directory)
    status = _visit(directory, arguments, lambda: list(saved_places(directory)))
    for name, place in others.items():
        status = max(status, _visit(place, arguments, partial(_places_in, directory, name, place)))
    return status


def _places_in(main: str, name: str, directory: str) -> list[Kept]:
    """Return the saved places in the store of a rule: its own, and those of readers of all stores."""
    number = number_of_store(name)
    found: list[Kept] = [*saved_places(directory)]
    for reader, place, why in saved_places(main):
        if not why and place is not None and number in place.in_rules:
            position, known = place.in_rules[number].own, place.identities.get(number, "")
            own = Place(position, known, place.saved, place.note)
            found.append((reader, own, ""))
    return found


def _stores_beside(directory: str) -> list[str]:
    """Return the stores that one server writes with this one. Raises OSError."""
    main = main_store_of(directory) or directory
    those = [main, *rule_stores(main).values()]
    own = os.path.realpath(directory)
    return [one for one in those if os.path.realpath(one) != own]


def _visit(
    directory: str, arguments: argparse.Namespace, places: Callable[[], Sequence[Kept]]
) -> int:
    """Print the findings about one store, and return the exit status. Raises StoreError."""
    try:
        with View(directory, lambda _: None):
            pass
        with Disk().open_directory(directory) as disk, contextlib.ExitStack() as undo:
            beside = partial(_stores_beside, directory)
            examination = Examination(
                disk=disk, places=places, quick=arguments.quick, beside=beside
            )
            if columns_are_installed():
                examination.columns = process = ColumnsProcess(is_wanted_now=True)
                undo.callback(process.end)
            visit = DoctorRun(examination, repair=arguments.repair)
            if arguments.repair:
                try:
                    undo.enter_context(locked(directory))
                except StoreInUseError as error:
                    # Any other error, such as a read-only file system, makes a repair impossible.
                    visit.not_locked = str(error)
                undo.callback(give_files_of_root, disk)
            visit.examine_and_repair()
    except OSError as error:
        within = "" if error.filename in (None, directory) else f" ({shown(error.filename)})"
        advice = ": run this as root" if isinstance(error, PermissionError) else ""
        raise StoreError(
            f"{shown(directory)} cannot be read: {reason(error)}{within}{advice}"
        ) from error
    visit.print()
    return 1 if visit.found else 0


@attrs.define
class DoctorRun:
    """An examination with its outcome.

    not_locked: the reason why the store could not be locked for the repair, or "". found: findings that
    remain. repaired: findings that were repaired. refused: why a finding was not repaired, by its kind and
    name.
    """

    examination: Examination
    repair: bool = attrs.field(default=False, kw_only=True)
    not_locked: str = ""
    found: list[StoreFinding] = attrs.field(factory=list)
    repaired: list[StoreFinding] = attrs.field(factory=list)
    refused: dict[tuple[str, str], str] = attrs.field(factory=dict)

    def examine_and_repair(self) -> None:
        """Examine all parts, repair the findings, and examine again. Raises OSError and StoreError."""
        parts = self.examination.parts()
        with contextlib.closing(CareProgress()) as progress:
            for number, part in enumerate(parts, 1):
                progress.show_part(number, part.label, of=len(parts))
                found = part.confirmed_findings()
                tried = [one for one in found if self.repair and self._try_repair(one)]
                left = part.confirmed_findings() if tried else found
                there = {one.key for one in left}
                gone = [one for one in found if one.key not in there]
                # A repair that failed on its way may have removed the finding, and something with it.
                failed = [one for one in gone if one.key in self.refused]
                self.repaired += [one for one in gone if one not in failed]
                self.found += [*left, *failed]

    def _try_repair(self, one: StoreFinding) -> bool:
        """Return whether a repair was tried, which may have failed."""
        if one.remedy is None:
            return False
        # Indexes are never changed by a server once they are there.
        if self.not_locked and one.kind != "index":
            self.refused[one.key] = f"not repaired: {self.not_locked}"
            return False
        try:
            one.remedy()
        except FileNotFoundError:
            # Its segment is gone, if the next examination does not find it.
            pass
        except (OSError, ValueError, StoreError) as error:
            self.refused[one.key] = f"it cannot be repaired: {explanation(error)}"
        return True

    def print(self) -> None:
        """Print the outcome for people."""
        for one in self.repaired:
            print(one_line(f"repaired: {one.name}: {one.what}", SHOWN_PATH_LENGTH))
        for one in self.found:
            print(one_line(f"{one.weight}: {one.name}: {one.what}", SHOWN_PATH_LENGTH))
            for sentence in filter(None, (one.advice, self.refused.get(one.key))):
                print(f"    {one_line(sentence, 2000)}")
        for sentence in self.examination.notes():
            print(sentence)
        examination, gone = self.examination, len(self.repaired)
        lines = examination.readable_lines
        held = "" if lines is None else f"{counted(lines, 'line')}, "
        lost = sum(one.weight == LOST for one in self.found)
        verdict = f"sound; {gone} repaired" if gone else "sound"
        if self.found:
            verdict = f"{lost} lost, {len(self.found) - lost} damaged, {gone} repaired"
        print(
            f"{shown(str(examination.disk.directory))}: {counted(len(examination.looked), 'segment')},"
            f" {held}up to {examination.end_position}: {verdict}"
        )
