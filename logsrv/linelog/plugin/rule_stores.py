"""The stores of `[[retention]]` rules in a running server: opened, changed by reloads, and closed.

The store of a rule that was removed from the configuration stays open while it has lines: they are removed
at their time, by the note `keep` in their store.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.columns.maker_thread import ColumnMaker
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.sorting import QueryRule, SortedStores
from logsrv.linelog.parts.work import StoreContext
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.monitoring import HangLog, unhealthy_reasons
from logsrv.linelog.plugin.retention_settings import RetentionSettings
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.store.disk import Disk, explanation, make_directory, reason
from logsrv.linelog.store.policy import Hold, StorePolicy
from logsrv.linelog.store.rule_stores import (
    FOLDER,
    KeptFor,
    directory_of_rule,
    has_lines,
    load_keep,
    rule_stores,
    save_keep,
)
from logsrv.linelog.store.segment import number_of_store
from logsrv.linelog.store.store import Store

log = Logger()


@attrs.define(eq=False)
class _RuleStore:
    """The open store of a rule, with what makes its columns and watches its disk. kept: for how long."""

    store: Store
    columns: ColumnMaker
    hangs: HangLog
    kept: KeptFor
    has_rule: bool = True


class RuleStores:
    """The stores of rules beside the main one, and the rules by which listeners sort lines into them."""

    def __init__(self, main: Store, *, reactor: Any, clock: Clock, metrics: Metrics) -> None:
        self._main, self._reactor, self._clock, self._metrics = main, reactor, clock, metrics
        self._open: dict[str, _RuleStore] = {}
        self._rules: Sequence[RetentionSettings] = ()
        self._holds: Callable[[str], Sequence[Hold]] = lambda _: ()
        # The names of the stores whose identity another store has, too.
        self._copies: frozenset[str] = frozenset()
        # The stores that a refused reload had opened, until they are closed.
        self._abandoned: list[Deferred[None]] = []
        self._intakes: weakref.WeakKeyDictionary[Intake, None] = weakref.WeakKeyDictionary()

    @property
    def rules(self) -> Sequence[RetentionSettings]:
        """The present rules, in their order."""
        return self._rules

    @property
    def stores(self) -> list[Store]:
        """The open stores of rules."""
        return [one.store for one in self._open.values()]

    @property
    def by_number(self) -> dict[int, Store]:
        """The open stores of rules, by their numbers in positions."""
        return {number_of_store(name): one.store for name, one in [*self._open.items()]}

    @property
    def contexts(self) -> list[StoreContext]:
        """The open stores of rules, as parts get them."""
        return [self._context(name, one.store) for name, one in self._open.items()]

    def _context(self, name: str, store: Store) -> StoreContext:
        def identity() -> str:
            return store.identity.store if store.identity and name not in self._copies else ""

        return StoreContext(
            rule=name,
            directory=lambda: store.present_directory,
            identity=identity,
            hold=store.hold,
        )

    def sort(self, intake: Intake) -> None:
        """Let a listener sort its lines by the present rules, and by others after each reload."""
        self._intakes[intake] = None
        rules = []
        rest = self._main
        for one in self._rules:
            if one.match is not None:
                store = self._open[one.name].store
                rules.append(QueryRule(make_matcher(parse(one.match)), store))
            elif one.listener == intake.name:
                # It takes all that no earlier rule has taken.
                rest = self._open[one.name].store
                break
        if isinstance(intake.sink, SortedStores):
            intake.sink.sort(rules, rest)
        elif rules or rest is not self._main:
            intake.sink = sorted_stores = SortedStores(self._main)
            sorted_stores.sort(rules, rest)

    def open(
        self, settings: LoggerSettings, holds: Callable[[str], Sequence[Hold]] = lambda _: ()
    ) -> None:
        """Open the stores of new rules, and those that removed ones have left. Raises StoreError.

        holds: returns what retention has to keep in a store from its start, by its directory. The stores
        that are open stay as they are until `apply`.
        """
        self._holds = holds
        rules = {one.name: one.kept_for for one in settings.retention}
        opened = []
        try:
            for name, kept in rules.items():
                if name not in self._open:
                    self._open[name] = self._open_store(name, kept, settings.store_policy)
                    opened.append(name)
        except BaseException:
            for name in opened:
                self._abandon(self._open.pop(name))
            raise
        for name, place in self._left_behind().items():
            if name not in self._open and has_lines(place):
                self._open_left_behind(name, place, settings.store_policy)
        self._find_copies()

    def _abandon(self, one: _RuleStore) -> None:
        closing = self._close(one).addErrback(_log_close)
        if not closing.called:
            self._abandoned.append(closing)
            closing.addCallback(lambda _: self._abandoned.remove(closing))

    async def wait_for_abandoned(self) -> None:
        """Wait until the stores are closed that a refused reload had opened: they are locked until then."""
        for closing in list(self._abandoned):
            # A stop may cancel this one, and not the closing.
            closed: Deferred[None] = Deferred()
            closing.addCallback(closed.callback)
            await closed

    def _find_copies(self) -> None:
        """Find stores that have the same identity; log it if these are others than before."""
        known: dict[str, list[str]] = {}
        for name, store in [
            ("", self._main),
            *((name, one.store) for name, one in self._open.items()),
        ]:
            if store.identity is not None:
                known.setdefault(store.identity.store, []).append(name)
        same = [names for names in known.values() if len(names) > 1]
        # The main store is no copy of a store in it.
        copies = frozenset(name for names in same for name in names if name)
        before, self._copies = self._copies, copies
        for names in same if copies != before else ():
            main = self._main.present_directory
            places = [directory_of_rule(main, name) if name else main for name in names]
            log.error(
                "{places} have the same identity, as a copied folder has, and targets would take the"
                " lines of one for those of another: nothing is shipped from {copies}. Remove the copy,"
                " or stop the server and make it another store: logsrv ship --new-identity {last}",
                places=" and ".join(places),
                copies=" and ".join(place for place in places if place != main),
                last=places[-1],
            )

    def _left_behind(self) -> dict[str, str]:
        directory = self._main.present_directory
        try:
            return rule_stores(directory)
        except OSError as error:
            log.error(
                "{directory}/{folder} cannot be read, so lines of removed rules stay: {why}",
                directory=directory,
                folder=FOLDER,
                why=reason(error),
            )
            return {}

    def _open_store(self, name: str, kept: KeptFor | None, policy: StorePolicy) -> _RuleStore:
        """Open a store. kept: None for what its note says. Raises StoreError."""
        place = Path(directory_of_rule(self._main.present_directory, name))
        try:
            make_directory(place.parent)
        except OSError as error:
            raise StoreError(f"{place.parent} cannot be made: {reason(error)}") from error
        has_rule = kept is not None
        if kept is None:
            kept = _noted_keep(place)
        store = Store(
            place,
            # Its thread may remove segments before `_apply_policy`.
            _own_policy(kept, policy),
            reactor=self._reactor,
            clock=self._clock,
            metrics=self._metrics,
            main=self._main,
        )
        columns = ColumnMaker(store, clock=self._clock, tell=store.tell)
        store.after_sealing = columns.look_soon
        hangs = HangLog(store, self._reactor)
        # Retention begins when the store opens.
        store.hold(self._holds(str(place)))
        store.open()
        self._metrics.time("columns_seconds", columns.seconds)
        self._metrics.watch("columns_waiting_segments", lambda: len(columns.left))
        self._metrics.watch("rule_store_bytes", lambda: store.size, rule=name)
        hangs.log_hangs_periodically()
        found = _RuleStore(store, columns, hangs, kept, has_rule)
        self._apply_policy(found, policy)
        return found

    def _open_left_behind(self, name: str, place: str, policy: StorePolicy) -> None:
        try:
            self._open[name] = self._open_store(name, None, policy)
        except StoreError as error:
            log.error(
                "{place} is searched, but nothing is removed from it or shipped: {why}",
                place=place,
                why=error,
            )

    def _apply_policy(self, one: _RuleStore, policy: StorePolicy) -> None:
        own = _own_policy(one.kept, policy)
        one.store.apply(own)
        one.columns.apply(own)
        if one.has_rule:
            try:
                save_keep(one.kept, one.store.disk)
            except OSError as error:
                log.error(
                    "{file} cannot be written, so this store would keep all lines without its rule: {why}",
                    file=one.store.disk.path("keep"),
                    why=reason(error),
                )

    def apply(self, settings: LoggerSettings) -> None:
        """Use other rules and another policy; `open` has opened their stores."""
        rules = {one.name: one for one in settings.retention}
        before, self._rules = self._rules, settings.retention
        for name, one in self._open.items():
            if name in rules:
                one.kept, one.has_rule = rules[name].kept_for, True
            elif one.has_rule:
                one.has_rule = False
                log.info(
                    "{place} has no rule any more: its lines stay until its limits remove them; until then"
                    " they are searched, and still shipped to targets",
                    place=one.store.present_directory,
                )
            self._apply_policy(one, settings.store_policy)
        if before != self._rules:
            for intake in list(self._intakes):
                self.sort(intake)

    def reopen(self) -> None:
        """Begin a new current.log in each store whose name no longer leads to the open file."""
        for one in self.stores:
            one.reopen()

    def unhealthy(self) -> list[str]:
        """Return why received lines are not kept, each with the name of the store."""
        return [
            f"{FOLDER}/{name}: {why}"
            for name, one in self._open.items()
            for why in unhealthy_reasons(one.store)
        ]

    def without_rule(self) -> list[str]:
        """Return a phrase for each store whose rule was removed, for the status."""
        return [
            f"{FOLDER}/{name} has no rule any more"
            for name, one in self._open.items()
            if not one.has_rule
        ]

    async def stop_columns(self) -> None:
        """Stop making columns: the directories are given away soon."""
        await DeferredList([one.columns.stop(self._reactor) for one in self._open.values()])

    async def close(self) -> None:
        """Close all stores. Raises the StoreError of one of them, when all are closed."""
        results = await DeferredList(
            [self._close(one) for one in self._open.values()], consumeErrors=True
        )
        await self.wait_for_abandoned()
        for is_good, found in results:
            if not is_good and isinstance(found, Failure):
                found.raiseException()

    def _close(self, one: _RuleStore) -> Deferred[None]:
        one.hangs.next.stop()
        # Before the store gives its directory away: the thread would go on in it.
        return Deferred.fromCoroutine(self._stop_and_close(one))

    async def _stop_and_close(self, one: _RuleStore) -> None:
        await one.columns.stop(self._reactor)
        await one.store.close()


def _own_policy(kept: KeptFor, policy: StorePolicy) -> StorePolicy:
    """Return the policy of the store of a rule. policy: that of the main store."""
    return attrs.evolve(
        policy,
        keep_days=kept.keep_days,
        keep_bytes=kept.keep_bytes,
    )


def _noted_keep(place: Path) -> KeptFor:
    """Return how long a store keeps lines by its note; for ever without one."""
    try:
        with Disk().open_directory(place) as disk:
            if (found := load_keep(disk)) is not None:
                return found
        why = "it is not there"
    except (OSError, ValueError) as error:
        why = explanation(error)
    log.warn(
        "{file} does not say how long the lines of this store are kept ({why}): they stay until a rule of"
        " its name says that",
        file=place / "keep",
        why=why,
    )
    return KeptFor()


def _log_close(failure: Failure) -> None:
    log.failure("a store could not be closed", failure)
