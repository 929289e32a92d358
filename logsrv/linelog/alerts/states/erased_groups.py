"""Finds groups of alerts whose lines an erase overwrites; `logsrv erase` finds it by the part of alerts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from logsrv.errors import QueryError
from logsrv.kit.text.checksums import read_json_then_checksum
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted
from logsrv.linelog.alerts.condition import LONGEST_VALUE
from logsrv.linelog.alerts.grammar import AlertQuery, parse_alert
from logsrv.linelog.alerts.states.forgotten_groups import (
    STATE_SUFFIX,
    ErasedGroups,
    digest_of_group,
    forget_in_files,
    forgotten_groups,
    keys_in_state,
    load_noted,
    save_noted,
)
from logsrv.linelog.alerts.states.silences import FOLDER
from logsrv.linelog.alerts.windows import REMEMBERED, Key
from logsrv.linelog.parts.values_elsewhere import ErasedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import And, Compare, Extracted, HasField, Node, Not
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.figures.aggregate import add_up
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.place import PlaceFolder


class AlertGroups:
    """The groups of alerts that are known only by lines which an erase overwrites.

    directory: of the main store. rule: the name of the rule in whose store lines are erased; "" for the
    main one.
    """

    def __init__(self, directory: str, rule: str) -> None:
        self._directory, self._rule = directory, rule
        self._salt = os.urandom(16).hex()
        self._digests: dict[str, None] = {}

    def find(self, is_erased: ErasedLines) -> str:
        """Find the groups; return them in words, "" for none. Raises OSError and StoreError."""
        self._digests.clear()
        with closing(PlaceFolder(self._directory, FOLDER)) as folder:
            if not folder.exists():
                return ""
            states = [*_states_in(folder)]
        if states:
            with open_all_stores(self._directory, lambda _: None) as view:
                for state in states:
                    with suppress(QueryError, KeyError, TypeError):
                        self._find_in(state, view, is_erased)
        return counted(len(self._digests), "group") + " of alerts" if self._digests else ""

    def _find_in(self, state: Mapping[str, Any], view: View, is_erased: ErasedLines) -> None:
        asked = parse_alert(state["alert"])
        if asked.condition is None or not asked.condition.by:
            return
        since = _begin_of_lines(state, asked)
        has_erased_line = _test_of_groups(asked, since, view, is_erased)
        for key in filter(has_erased_line, keys_in_state(state)):
            digest = digest_of_group(self._salt, state["alert"], key)
            if digest not in self._digests and _is_of_erased_lines(
                asked, key, since, view, is_erased
            ):
                self._digests[digest] = None

    def note(self, moment: str) -> None:
        """Note the groups on the medium, before the erase of that time begins. Raises OSError."""
        with closing(PlaceFolder(self._directory, FOLDER)) as folder:
            if not folder.exists():
                return
            with suppress(ValueError):
                # Others whose erase never began.
                known = [one for one in load_noted(folder.disk) if one.is_erased(self._directory)]
                if self._digests:
                    known.append(ErasedGroups(moment, self._rule, self._salt, [*self._digests]))
                save_noted(known, folder.disk)

    def forget(self) -> str:
        """Forget noted groups; return why that is not done yet, or "". Raises OSError."""
        with closing(PlaceFolder(self._directory, FOLDER)) as folder:
            is_forgotten = forgotten_groups(folder)
            if is_forgotten is not None and not folder.lock():
                # The process of a server does it within a second.
                return "the process of the alerts is busy: it forgets groups of erased lines later"
            if is_forgotten is not None:
                forget_in_files(folder, is_forgotten)
        return ""


def _states_in(folder: PlaceFolder) -> Iterator[Mapping[str, Any]]:
    for name in sorted(folder.disk.entries()):
        if name.endswith(STATE_SUFFIX):
            with suppress(ValueError, FileNotFoundError):
                yield read_json_then_checksum(folder.disk.read(name))


def _begin_of_lines(state: Mapping[str, Any], asked: AlertQuery) -> str:
    """Return the TIME of the first line that a group in a state may be known by."""
    assert asked.condition is not None
    begun = [one[1] for one in state["episodes"]]
    begun += [one[4] for one in state["groups"] if one[3] is not None]
    if state.get("last"):
        begun.append(state["last"][1])
    before = max(REMEMBERED, 2 * asked.condition.window)
    return rfc3339(max(0.0, min([state["saved"], *begun]) - before))


def _test_of_groups(
    asked: AlertQuery, since: str, view: View, erased: ErasedLines
) -> Callable[[Key], bool]:
    """Return what tells whether a group may have an erased line, by one search for all groups."""
    assert asked.condition is not None
    if erased.query is None:
        return lambda _: True
    matcher = make_matcher(And((asked.lines.node, erased.query)))
    scope = erased.scope._replace(since=max(since, erased.scope.since))
    groups = Groups(Grouping((COUNT,), asked.condition.by), asked.lines.extractions)
    with closing(Search(view, matcher, scope, processes=1)) as search:
        add_up(search, groups)
    if groups.missed or groups.left_out:
        return lambda _: True
    # Groups whose names differ in case alone: a query that finds the lines of one finds those of the other.
    known = {_without_case(key) for key, _ in groups.counts()}
    return lambda key: _without_case(key) in known


def _without_case(key: Iterable[object]) -> Key:
    return tuple(None if part is None else str(part)[:LONGEST_VALUE].lower() for part in key)


def _is_of_erased_lines(
    asked: AlertQuery, key: Key, since: str, view: View, is_erased: ErasedLines
) -> bool:
    """Return whether lines of a group are erased, and none is left."""
    matcher = make_matcher(And((asked.lines.node, *_conditions(asked, key))))
    found = False
    with closing(Search(view, matcher, Scope(since=since), processes=1)) as search:
        for hit in search.hits(reverse=True):
            if not is_erased(hit.position):
                return False
            found = True
    return found


def _conditions(asked: AlertQuery, key: Key) -> Iterator[Node]:
    """Yield what is true for the lines of a group."""
    assert asked.condition is not None
    patterns = {name: one.pattern for one in asked.lines.extractions for name in one.names}
    for field, value in zip(asked.condition.by, key, strict=True):
        test: Compare | HasField
        if value is None:
            test = HasField(field)
        else:
            # A long value was cut.
            test = Compare(field, ":" if len(value) >= LONGEST_VALUE else "=", value)
        node: Node = Extracted(patterns[field], test) if field in patterns else test
        yield Not(node) if value is None else node
