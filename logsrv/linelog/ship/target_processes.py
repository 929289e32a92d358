"""The daemon's side of shipping: it starts, orders and ends a process for each target.

The daemon itself reads no lines and opens no connections. So no target can slow or stop the writer or
another target. The place of a target is saved in `DIR/ship/NAME`, and the next process, or the next daemon,
continues there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.kit.children.child_process import child_environment
from logsrv.kit.children.resident import ResidentProcess
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.ship.address import BEGINNING, END, PLUGINS
from logsrv.linelog.ship.orders import ShipOrders, encode_orders, make_orders
from logsrv.linelog.ship.reports import decode_report
from logsrv.linelog.ship.ship_place import FOLDER, ShipPlace
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.status import save_target_names, saved_first_segment
from logsrv.linelog.ship.target_monitor import TargetMonitor
from logsrv.linelog.ship.targets.target_plugin import ShipURL
from logsrv.linelog.store import place
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.policy import Hold
from logsrv.linelog.store.rule_stores import has_lines
from logsrv.linelog.store.segment import Position, parse_position, segments

log = Logger()

MODULE = "logsrv.linelog.ship.ship_child"


@attrs.define(eq=False)
class _TargetProcess:
    """A target and its process."""

    settings: ShipSettings
    orders: ShipOrders
    # The number of the store's first segment when the target was added.
    begin: int
    reported: TargetMonitor
    process: ResidentProcess = attrs.field(init=False)
    wanted: bool = True
    # The number of the last segment that retention would remove.
    due: int = 0
    # True while the running process gets its orders again, with another `due`.
    asking: bool = False

    def ask_archive(self, due: int) -> None:
        """Make the process ask the archive whether it has the segments up to number `due`.

        Retention will remove their texts.
        """
        if due != self.due:
            self.due = due
            if self.process.state == "RUNNING":
                self.asking = True
                self.process.start_or_update()
                self.asking = False


@attrs.define(eq=False)
class TargetOrders:
    """The orders for targets, as they were made last; all stores of a service share them."""

    # The targets by their names, each with its orders.
    _made: Mapping[str, tuple[ShipSettings, ShipOrders]] = attrs.field(init=False, factory=dict)

    def prepare(self, targets: Sequence[ShipSettings]) -> None:
        """Read the secrets and certificates of targets. Raises ConfigurationError."""
        self._made = {one.label: (one, make_orders(one)) for one in targets if not one.is_left_out}

    def of(self, target: ShipSettings) -> ShipOrders:
        """Return the orders for a target; `ship_from` is its own. Raises ConfigurationError."""
        if (made := self._made.get(target.label)) is not None:
            settings, orders = made
            if attrs.evolve(settings, ship_from=target.ship_from) == target:
                return attrs.evolve(orders, ship_from=target.ship_from)
        return make_orders(target)


def targets_of_rule_store(targets: Sequence[ShipSettings]) -> tuple[ShipSettings, ...]:
    """Return the targets for the store of a [[retention]] rule: a position is one of the main store."""
    return tuple(
        one if one.ship_from in (BEGINNING, END) else attrs.evolve(one, ship_from=BEGINNING)
        for one in targets
    )


@attrs.define(eq=False, kw_only=True)
class TargetProcesses:
    """The processes of all targets of a store, from the first `set_targets` to `stop`.

    directory: returns the present directory of the store. identity: returns the identity of the store, ""
    if it has none. hold: called with the requests to keep segments from retention. rule: the name of the
    [[retention]] rule whose store it is; "" for the main store. main_identity: returns the identity of the
    main store.
    """

    _directory: Callable[[], str]
    _identity: Callable[[], str]
    _hold: Callable[[Sequence[Hold]], object]
    _clock: Clock
    _reactor: Any
    _metrics: Metrics
    _orders: TargetOrders
    _rule: str
    _main_identity: Callable[[], str]
    _all: dict[str, _TargetProcess] = attrs.field(init=False, factory=dict)
    # The names of the targets whose plugin is missing, and the requests to keep segments for them.
    _left_out: list[str] = attrs.field(init=False, factory=list)
    _left_out_holds: list[Hold] = attrs.field(init=False, factory=list)
    _holds: list[Hold] = attrs.field(init=False, factory=list)
    # True if the file with the names of the targets is up to date.
    _names_saved: bool = attrs.field(init=False, default=True)
    _stopping: bool = attrs.field(init=False, default=False)

    def set_targets(self, targets: tuple[ShipSettings, ...]) -> None:
        """Ship only to these targets from now on, to none if the store has no identity.

        The processes of unchanged targets go on.
        """
        if self._stopping:
            return
        orders = {one.label: self._orders.of(one) for one in targets if not one.is_left_out}
        if targets and not self._identity():
            log.error(
                "ship: the store {directory} has no identity, so nothing can be shipped from it",
                directory=self._directory(),
            )
            targets = ()
        self._leave_out([one for one in targets if one.is_left_out])
        targets = tuple(one for one in targets if not one.is_left_out)
        for one in targets:
            self._start_or_change_target(one, orders[one.label])
        labels = {one.label for one in targets}
        for name, shipped in self._all.items():
            if shipped.wanted and name not in labels:
                subject = shipped.reported.subject
                log.info("ship {target}: it is no target any more", target=subject)
                shipped.wanted = False
                shipped.process.end_until_needed()
                shipped.reported.remove_metrics()
        if self._all or self._left_out:
            self._save_target_names()
        self._update_holds()

    def _leave_out(self, targets: Sequence[ShipSettings]) -> None:
        """Log that these targets are left out; retention keeps their lines, as for one that is away."""
        self._left_out = [one.label for one in targets]
        self._left_out_holds = saved_holds(self._directory(), targets)
        # The main store tells it for all.
        for name in self._left_out if not self._rule else ():
            log.error(
                "ship {target}: it is left out, as a plugin cannot be loaded; mend it, then restart: {why}",
                target=name,
                why="; ".join(f"{where}: {why}" for where, why in PLUGINS.broken().items()),
            )

    def _start_or_change_target(self, settings: ShipSettings, orders: ShipOrders) -> None:
        shipped = self._all.get(settings.label)
        if shipped is None:
            shipped = self._all[settings.label] = self._make_target_process(settings, orders)
        elif shipped.wanted and shipped.orders == orders:
            # Only settings that its process does not need, such as `ship_at_most`, may have changed.
            shipped.settings = settings
            return
        else:
            # If its process runs or is just ending, it ends and starts again with the new orders.
            shipped.process.end_until_needed()
        shipped.settings, shipped.orders, shipped.wanted = settings, orders, True
        shipped.reported.register_metrics()
        shipped.process.start_or_update()

    def _make_target_process(self, settings: ShipSettings, orders: ShipOrders) -> _TargetProcess:
        name = settings.label
        reported = TargetMonitor(name, self._metrics, self._clock.monotonic, self._rule)
        begin = _first_segment_number(self._directory(), name)
        if settings.ship_from == END:
            self._begin_in_new_store(settings, begin)
        shipped = _TargetProcess(settings, orders, begin, reported)
        shipped.process = ResidentProcess(
            MODULE,
            name=f"ship {reported.subject}",
            orders=partial(self._log_and_encode_orders, shipped),
            take=partial(self._handle_report, shipped),
            ended=partial(self._handle_process_end, shipped),
            reactor=self._reactor,
            environment=lambda: _child_environment(shipped.settings.ship),
        )
        return shipped

    def _log_and_encode_orders(self, shipped: _TargetProcess, pid: int | None) -> bytes:
        if not shipped.asking:
            log.info(
                "ship {target}: process {pid} sends lines on to {where}",
                target=shipped.reported.subject,
                pid=pid,
                where=shipped.settings.ship.loggable_url,
            )
        orders = attrs.evolve(
            shipped.orders,
            directory=self._directory(),
            store=self._identity(),
            due=shipped.due,
            begin=shipped.begin,
            rule=self._rule,
            main=self._main_identity(),
        )
        return encode_orders(orders)

    def _begin_in_new_store(self, settings: ShipSettings, begin: int) -> None:
        """Save a place at the first line of a store that has none yet: all of its lines are new.

        Otherwise `end` would be where the process of the target finds it, after the first lines have come.
        """
        directory, name = self._directory(), settings.label
        if has_lines(directory):
            return
        url = settings.ship.loggable_url
        with closing(ShipPlace(directory, name, target=url, clock=self._clock.time_of_day)) as kept:
            try:
                if not kept.folder.disk.has_name(name):
                    kept.save(self._identity(), Position(begin, 0))
            except OSError as error:
                log.warn(
                    "ship {target}: the first lines of {directory} may not be sent: {path} cannot be"
                    " saved: {why}",
                    target=name,
                    directory=directory,
                    path=kept.path,
                    why=reason(error),
                )

    def _handle_report(self, shipped: _TargetProcess, line: bytes) -> None:
        shipped.reported.handle_report(decode_report(line))
        if not self._names_saved:
            self._save_target_names()
        self._update_holds()

    def _handle_process_end(self, shipped: _TargetProcess) -> None:
        """Record at once that a target is not up: the next process may not start for long."""
        shipped.reported.record_process_end()
        if not self._stopping:
            self._update_holds()

    def _update_holds(self) -> None:
        """Tell retention which segments to keep, if this has changed."""
        found = [
            _make_hold(
                one.settings,
                self._directory(),
                one.reported.position,
                one.ask_archive,
                one.reported.released,
            )
            for one in self._all.values()
            if one.wanted
        ]
        holds = [*self._left_out_holds, *(one for one in found if one is not None)]
        if holds != self._holds:
            self._holds = holds
            self._hold(holds)

    def _save_target_names(self) -> None:
        wanted = {name: one.begin for name, one in self._all.items() if one.wanted}
        wanted |= {name: _first_segment_number(self._directory(), name) for name in self._left_out}
        try:
            with closing(PlaceFolder(self._directory(), FOLDER)) as folder:
                save_target_names(folder.disk, wanted)
            self._names_saved = True
        except OSError as error:
            if self._names_saved:
                why = reason(error)
                log.warn("ship: the names of the targets cannot be written: {why}", why=why)
            self._names_saved = False

    def stop(self) -> Deferred[None]:
        """End all processes; fires when they have ended, within a few seconds."""
        self._stopping = True
        return gatherResults([one.process.stop() for one in self._all.values()]).addCallback(
            lambda _: None
        )


def saved_holds(directory: str, targets: Sequence[ShipSettings]) -> list[Hold]:
    """Return the requests to keep segments for targets, as the saved places tell; no process is asked."""
    found = [_make_hold(one, directory) for one in targets]
    return [one for one in found if one is not None]


def _child_environment(url: ShipURL) -> dict[str, str]:
    """Return the environment of a target's process."""
    found = child_environment(url.plugin.environment_variables(url))
    if url.plugin not in PLUGINS.ours().values():
        # It has to find the plugin of others where this process did: twistd looks in its directory too.
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
    return found


def _ask_nobody(_: int) -> None:
    """Do nothing: no archive can be asked, so it releases no segment."""


def _first_segment_number(directory: str, target: str) -> int:
    """Return the number of the store's first segment when a target was added; 0 if that is unknown.

    An earlier server may have saved this number, and ended before the target had a place. Text that
    retention has removed since then counts as gone.
    """
    with suppress(OSError), Disk().open_directory(os.path.join(directory, FOLDER)) as disk:
        if (begin := saved_first_segment(disk, target)) is not None:
            return begin
    with suppress(OSError), Disk().open_directory(directory) as disk:
        return segments(disk)[0].number
    return 0


def _make_hold(
    settings: ShipSettings,
    directory: str,
    position: Position | None = None,
    ask: Callable[[int], object] = _ask_nobody,
    released: int = 0,
) -> Hold | None:
    """Return the request to keep segments for a target; None if there is none.

    ask: makes the process ask its archive for segments up to a number.
    """
    if position is None:
        position = _saved_position(directory, settings.label) or _begin_position(settings)
    if position is None:
        return None
    asked = ask if settings.ship.takes == "segments" else None
    return Hold(settings.label, position.segment, settings.ship_at_most, asked, released)


def _saved_position(directory: str, name: str) -> Position | None:
    with suppress(OSError, ValueError):
        with Disk().open_directory(os.path.join(directory, FOLDER)) as disk:
            kept = place.load(disk, name)
        return None if kept is None else kept.position
    return None


def _begin_position(settings: ShipSettings) -> Position | None:
    """Return the position at which a new target begins; None for the end of the store: it needs no text."""
    if settings.ship_from == END:
        return None
    return Position(0, 0) if settings.ship_from == BEGINNING else parse_position(settings.ship_from)
