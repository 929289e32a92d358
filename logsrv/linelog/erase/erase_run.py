"""An erase: lines that a query finds are put into a plan, which is carried out, and reported.

The plan is on the medium before anything is overwritten; whoever finishes an interrupted erase needs no
query. Files of refused lines are not in the plan: they are overwritten first.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections.abc import Callable, Iterator

import attrs

from logsrv.cli.arguments import tell
from logsrv.errors import LogsrvError, StoreError, UsageError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted, shown
from logsrv.linelog.columns.child_process import ColumnsProcess, columns_are_installed
from logsrv.linelog.commands.progress import CareProgress
from logsrv.linelog.commands.reading import FAILED, NOTHING
from logsrv.linelog.erase.away_lines import (
    carry_out_away_erase,
    is_away_unfinished,
    plan_away_erase,
)
from logsrv.linelog.erase.copies import copies_of_store
from logsrv.linelog.erase.everywhere import (
    find_lines_erased_elsewhere,
    find_segments_erased_elsewhere,
    make_putter,
)
from logsrv.linelog.erase.lines_to_erase import LinesOfAllStores, LinesToErase, find_lines
from logsrv.linelog.erase.refused_lines import erase_refused_lines
from logsrv.linelog.erase.values_elsewhere import rule_of_store, values_elsewhere
from logsrv.linelog.parts.values_elsewhere import ValuesElsewhere
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import Node
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.notes.erase_plan import ErasePlan, PlanFile, Runs
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.sealing.erase_lines import EraseOutcome, LineEraser
from logsrv.linelog.store.segment import COLUMNS_SUFFIX, number_of_store

TRIES, PAUSE = 50, 0.1
"""How often, and after how many seconds, a part is asked again whether it has forgotten erased values."""


@attrs.define
class EraseRun:
    """A query on a store, and what comes of it. status_of_erasing: FAILED if a plan was not done whole.

    everywhere: whether lines that are only in archives are erased, too. refused: matching lines in files of
    refused lines. damaged: whether lines could not be read.
    """

    directory: str
    disk: Disk
    matcher: Matcher
    scope: Scope
    whole_records: bool = attrs.field(kw_only=True)
    everywhere: bool = attrs.field(kw_only=True, default=False)
    reason: str = attrs.field(kw_only=True)
    found: LinesToErase = attrs.field(factory=LinesToErase)
    refused: int = 0
    damaged: bool = False
    status_of_erasing: int = 0
    # The values of these lines that parts keep elsewhere, and the same in words.
    _kept: list[ValuesElsewhere] = attrs.field(init=False)
    _kept_in_words: list[str] = attrs.field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self._kept = [*values_elsewhere(self.directory)]

    def find(self) -> None:
        """Find the lines. Raises OSError and StoreError."""
        with View(self.directory, lambda why: tell(f"logsrv erase: {why}"), away=True) as view:
            view.report_odd_names()
            self.found = find_lines(
                view, self.matcher, self.scope, whole_records=self.whole_records
            )
            # A segment that retention removes meanwhile needs no erase.
            self.damaged = view.has_unreadable_lines
        self.refused = erase_refused_lines(self.disk, self.matcher, self.scope, dry_run=True)
        query = None if self.whole_records else self.matcher.node
        self._kept_in_words = [*self._find_kept(query, self.scope)] if self.found.lines else []

    def _find_kept(self, query: Node | None, scope: Scope) -> Iterator[str]:
        """Yield in words what parts keep of the lines that were found alone.

        query, scope: of a search that finds all these lines; query is None if none does.
        """
        number = number_of_store(rule_of_store(self.directory))
        lines = LinesOfAllStores(self.found, number, query, scope)
        for one in self._kept:
            try:
                words = one.find(lines)
            except (OSError, StoreError) as error:
                tell(
                    f"logsrv erase: what is kept of these lines is not known: {explanation(error)}"
                )
                self.status_of_erasing = FAILED
            else:
                if words:
                    yield words

    @property
    def has_found(self) -> bool:
        """True if there is something to erase."""
        away = self.found.away if self.everywhere else 0
        return bool(self.found.lines or self.refused or away)

    @property
    def status(self) -> int:
        """The exit status of the command."""
        if self.damaged or (self.found.away and not self.everywhere):
            return FAILED
        return self.status_of_erasing or (0 if self.has_found else NOTHING)

    @property
    def found_in_words(self) -> str:
        """The lines that were found, as the beginning of a sentence."""
        found, parts = self.found, []
        if found.lines:
            times = f", from {found.first} to {found.last}" if found.first else ""
            segments = counted(len(found.runs), "segment")
            parts.append(f"{_lines(found.lines, found.records)} in {segments}{times}")
        there = found.in_archives
        if self.everywhere and there is not None and there.lines:
            segments = counted(len(there.runs), "segment")
            times = f", from {there.first} to {there.last}" if there.first else ""
            parts.append(
                f"{_lines(there.lines, there.records)} in {segments} only in archives{times}"
            )
        if self.refused:
            parts.append(f"{counted(self.refused, 'line')} that a target has refused")
        return f"{' and '.join(parts)}, in the store {shown(self.directory)}"

    def erase_found(self, file: PlanFile) -> None:
        """Erase the lines that were found. Raises OSError, and ValueError if the note is damaged."""
        load_erased(self.disk)
        if self.refused:
            erase_refused_lines(self.disk, self.matcher, self.scope, dry_run=False)
        there = self.found.in_archives
        if self.everywhere and there is not None and there.lines:
            # Before the others: where both are, an index here may have a copy of a line there.
            plan_away_erase(self.directory, self._plan_for(there))
            self.carry_out_away()
        if self.found.lines:
            self._begin(self._plan_for(self.found), file)

    def _begin(self, plan: ErasePlan, file: PlanFile) -> None:
        """Carry out a plan for lines that were found. Raises OSError."""
        for one in self._kept:
            one.note(plan.time)
        file.write(plan)
        self.carry_out(plan, file)

    def erase_as_elsewhere(self, file: PlanFile, agrees: Callable[[str], bool]) -> bool:
        """Erase lines that archives and lakes have erased; else they would get back there.

        Only a store that was restored from an earlier copy has such lines. agrees: is told which lines they
        are, and returns whether to erase them. Returns false if it did not. Raises OSError and UsageError.
        """
        try:
            # An interrupted erase in archives replaces the indexes of its segments itself.
            begun = is_away_unfinished(self.directory)
            found = () if begun else find_segments_erased_elsewhere(self.directory, self.disk)
            for url, away, fetch in found:
                of_segments = f"{counted(len(away), 'segment')} that only {one_line(url)} has"
                if not agrees(
                    f"lines were erased in {of_segments}: this store was restored from a copy that was"
                    " made before that erase, and needs their present indexes"
                ):
                    return False
                fetch()
                print(f"fetched: the indexes of {of_segments}, without the lines erased before")
            for url, lines in find_lines_erased_elsewhere(self.directory, self.disk):
                where, count = one_line(url), sum(map(len, lines.values()))
                if not lines:
                    continue
                if not agrees(
                    f"{where} has {counted(count, 'line')} erased that this store still has: it was"
                    " restored from a copy that was made before that erase"
                ):
                    return False
                runs = {number: _runs_of(of_segment) for number, of_segment in lines.items()}
                self.found = LinesToErase(runs, lines=count)
                kept = [*self._find_kept(None, Scope())]
                self._begin(self._plan_for(self.found, f"erased before in {where}"), file)
                segments = counted(len(runs), "segment")
                print(f"erased: {counted(count, 'line')} in {segments}, as before in {where}")
                _say_kept("forgotten", kept)
        except UsageError:
            raise
        except (LogsrvError, ValueError) as error:
            tell(
                "logsrv erase: it is not known whether an archive has lines erased that this store still"
                f" has: {explanation(error)}"
            )
            self.status_of_erasing = FAILED
        return True

    def _plan_for(self, found: LinesToErase, reason: str = "") -> ErasePlan:
        return ErasePlan(
            time=rfc3339(time.time()),
            reason=reason or self.reason,
            by=_user(),
            lines=found.lines,
            records=found.records,
            runs=found.runs,
        )

    def carry_out_away(self) -> ErasePlan | None:
        """Carry out the plan for archives; return it if it is done, else say why not. Raises OSError."""
        try:
            put = make_putter(self.directory, self.disk)
            return carry_out_away_erase(self.directory, self.disk, put)
        except (LogsrvError, OSError, ValueError) as error:
            tell(
                f"logsrv erase: not erased in archives: {explanation(error)}; `logsrv erase --finish "
                "--everywhere` continues"
            )
            self.status_of_erasing = FAILED
            self.found.in_archives = None
            return None

    def carry_out(self, plan: ErasePlan, file: PlanFile, *, again: bool = False) -> None:
        """Carry out a plan. again: whether another process has begun with it. Raises OSError."""
        had_columns = any(name.endswith(COLUMNS_SUFFIX) for name in self.disk.entries())
        with contextlib.closing(CareProgress()) as progress:
            names: dict[str, None] = {}

            def show(name: str) -> None:
                names[name] = None
                progress.show_part(len(names), name, of=len(plan.runs))

            outcome = LineEraser(plan, self.disk, show, again=again).carry_out()
            file.remove()
            if columns_are_installed() and (had_columns or again):
                self._make_columns(outcome)
        self._forget_kept()
        if again:
            lines = _lines(plan.lines, plan.records)
            print(f"erased: {lines} in {counted(len(plan.runs), 'segment')}")
        for number, why in sorted(outcome.damaged.items()):
            tell(f"logsrv erase: segment {number} is not erased whole: {why}; see logsrv doctor")
            self.status_of_erasing = FAILED
        for number in outcome.gone:
            tell(f"logsrv erase: segment {number} was removed meanwhile")

    def _forget_kept(self) -> None:
        """Let parts forget what they keep of erased lines."""
        for one in self._kept:
            try:
                for _ in range(TRIES):
                    if not (why := one.forget()):
                        break
                    time.sleep(PAUSE)
            except OSError as error:
                why = f"what is kept of erased lines cannot be forgotten: {explanation(error)}"
            if why:
                tell(f"logsrv erase: {why}")
                self.status_of_erasing = FAILED

    def _make_columns(self, outcome: EraseOutcome) -> None:
        """Make the columns of changed segments; without them, figures read the text."""
        process = ColumnsProcess(is_wanted_now=True)
        try:
            for segment in dict.fromkeys(outcome.changed):
                with contextlib.suppress(FileNotFoundError):
                    process.make(segment, self.disk)
        except (OSError, ValueError) as error:
            why = explanation(error)
            tell(f"logsrv erase: columns are not made again: {why}; see logsrv reindex")
        finally:
            process.end()

    def say_found(self, form: str, kept: str) -> None:
        """Print what was found. form: a sentence about it, with {}. kept: what is done to other values."""
        if self.status_of_erasing and not self.has_found:
            return
        print(
            form.format(self.found_in_words) if self.has_found else "no line is left that matches"
        )
        if self.has_found:
            _say_kept(kept, self._kept_in_words)
        if (away := self.found.away) and not self.everywhere:
            tell(
                f"logsrv erase: {counted(away, 'line')} of segments that only an archive has are not"
                " erased: --everywhere erases them there"
            )

    def say_copies(self) -> None:
        """Print where else lines are. Raises OSError."""
        print("Copies elsewhere:")
        for sentence in copies_of_store(self.directory, self.disk):
            print(f"  {sentence}")


def _runs_of(lines: list[tuple[int, int]]) -> Runs:
    runs = Runs()
    for start, end in lines:
        runs.add(start, end)
    return runs


def _say_kept(done: str, words: list[str]) -> None:
    if words:
        print(f"{done}, as no other line has their values: {', '.join(words)}")


def _lines(lines: int, records: int) -> str:
    more = f" and {counted(records, 'line')} of their records" if records else ""
    return f"{counted(lines, 'line')}{more}"


def _user() -> str:
    """Return the name of the user, for the note: with sudo, of the one who gave the command."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    caller = os.environ.get("SUDO_USER")
    return f"{caller} (as {name})" if caller and caller != name else name
