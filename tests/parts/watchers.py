"""The watcher of the alert process on a real store, with the test's clock and receiver."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from logsrv.linelog.alerts.alert_child import Watcher
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.ways.delivery import Deliver
from logsrv.linelog.store.cursor import Place, place_in
from logsrv.linelog.store.identity import Identity, identity_text, parse_identity
from logsrv.linelog.store.segment import Position, number_of_store
from tests.leaks import killed
from tests.parts.stores import BEGIN, line, make_store, watched_stores


class WatcherStage:
    """A store with one line, a watcher and its reports; the time of day is BEGIN at the start.

    ahead: seconds by which the time of day has been set forward since.
    """

    def __init__(self, directory: Path, deliver: Deliver) -> None:
        self.directory = make_store(directory / "store", [[line("before")]])
        self.clock = Clock()
        self.ahead = 0.0
        self.reports: list[AlertReport] = []
        self.deliver = deliver
        self.clocks: Any = SimpleNamespace(
            monotonic=lambda: self.clock.seconds(), time_of_day=self.time_of_day
        )
        self.kept: Any = AlertPlaces(str(self.directory), "", self.clocks)  # type: ignore[arg-type]
        self._process = ExitStack()

    def time_of_day(self) -> float:
        return BEGIN + self.clock.seconds() + self.ahead

    @property
    def end(self) -> Position:
        """The end of the store."""
        return Position(1, (self.directory / "current.log").stat().st_size)

    def start_tasks(self, tasks: Mapping[str, AlertTask]) -> Watcher:
        """Start a watcher, as another process does."""
        self._process.enter_context(killed())
        self.watcher = Watcher(
            stores=watched_stores(self.directory, self.time_of_day, self.note_removed_store),
            kept=self.kept,
            deliver=self.deliver,
            clock=self.clock,
            report=self.reports.append,
            failed=self.fail,
        )
        self.watcher.start(tasks)
        return self.watcher

    def note_removed_store(self, why: str) -> None:
        self.reports.append(AlertReport("store-removed", why=why))

    def fail(self) -> None:
        raise

    def kill(self, seconds: float = 0) -> None:
        """Let the process vanish without a word, and time pass."""
        self.clock.calls.clear()
        self.kept.folder.close()
        self._process.close()
        self.clock.advance(seconds)

    def write(self, *messages: str, rule: str = "", late: float = 0.0) -> None:
        """Write lines into the store, or into that of a rule. late: seconds since they were received."""
        moment = self.clock.seconds() + self.ahead - late
        with (self.directory_of(rule) / "current.log").open("ab") as file:
            file.write(b"".join(line(one, moment) for one in messages))

    def directory_of(self, rule: str) -> Path:
        """Return the directory of the store of a rule, or of the main one."""
        return self.directory / "stores" / rule if rule else self.directory

    def add_rule(self, rule: str) -> None:
        """Make the store of a rule, as a reload does."""
        self.directory_of(rule).parent.mkdir(exist_ok=True)
        make_store(self.directory_of(rule), [[]])

    @property
    def ends(self) -> Place:
        """The ends of all stores."""
        found, identities = {0: self.end}, {}
        for place in sorted((self.directory / "stores").glob("*/current.log")):
            number = number_of_store(place.parent.name)
            segment = int((place.parent / "number").read_bytes())
            found[number] = Position(segment, place.stat().st_size).in_store(number)
            if (place.parent / "store").exists():
                identities[number] = parse_identity((place.parent / "store").read_bytes()).store
        return place_in(found, identities)

    def identify(self, rule: str, identity: str) -> None:
        """Give the store of a rule an identity."""
        text = identity_text(Identity(identity, Position(1, 0)))
        (self.directory_of(rule) / "store").write_bytes(text)

    def advance(self, seconds: float, *messages: str, step: float = 0.25) -> None:
        """Let time pass, once these are written."""
        if messages:
            self.write(*messages)
        self.clock.pump([step] * round(seconds / step))
