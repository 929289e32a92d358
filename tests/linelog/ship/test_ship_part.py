"""Shipping as a part of the service: targets and stores that come and go with reloads."""

from pathlib import Path

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.parts.work import PartContext, StoreContext
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.orders import decode_orders
from logsrv.linelog.ship.ship_part import ShipPart
from logsrv.linelog.ship.ship_settings import ShipOptions, ShipSettings
from logsrv.linelog.store.segment import Position
from tests.parts.child_processes import Spawner
from tests.parts.clocks import HandClock


class Shipping:
    """The part, with a main store and one of the rule `audit`; its processes do nothing."""

    def __init__(self, top: Path) -> None:
        self.reactor = Spawner()
        rule = StoreContext(
            rule="audit",
            directory=lambda: str(top / "stores" / "audit"),
            identity=lambda: "cd" * 16,
            hold=lambda holds: None,
        )
        (top / "stores" / "audit").mkdir(parents=True)
        context = PartContext(
            directory=lambda: str(top),
            identity=lambda: "ab" * 16,
            position=lambda: Position(1, 0),
            totals=dict,
            hold=lambda holds: None,
            unhealthy=list,
            unready=list,
            clock=HandClock(),
            reactor=self.reactor,
            metrics=Metrics(METRICS, ShipPart.metrics),
            rule_stores=lambda: [rule],
        )
        self.part = ShipPart(context, ShipOptions())

    def reload(self, **urls: str) -> None:
        """Let the settings have targets of these names."""
        targets = tuple(
            ShipSettings(ship=parse_ship_url(url), name=name) for name, url in urls.items()
        )
        options = ShipOptions(targets=targets)
        self.part.prepare(options)
        self.part.apply(options)
        # A target gets its next process when the one before has ended.
        for one in self.reactor.processes:
            if one.closed and not one.protocol.over:
                one.end()

    @property
    def running(self) -> set[tuple[str, str, str]]:
        """The rule of the store, the target and its URL, of each process that runs."""
        found = [
            decode_orders(one.said[-1])
            for one in self.reactor.processes
            if not one.protocol.over and not one.closed
        ]
        return {(one.rule, one.name, one.url) for one in found}


def test_each_reload_is_for_the_stores_of_rules_as_for_the_main_one(tmp_path):
    """A target that was removed, or has another address, gets nothing more from any store."""
    shipping = Shipping(tmp_path)
    for urls in ({"one": "relp://a:1", "two": "relp://b:1"}, {"two": "relp://c:1"}, {}):
        shipping.reload(**urls)
        assert shipping.running == {
            (rule, name, url) for rule in ("", "audit") for name, url in urls.items()
        }
