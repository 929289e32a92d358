"""A service that writes down what becomes of it; its settings name UNIX sockets in a directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteSpec
from tests.parts.listening import NotingFactory
from tests.parts.reactor import REACTOR


@attrs.frozen(kw_only=True)
class Rules(GuardPolicy):
    """The settings of one site: what to write down that they are."""

    text: str = ""


class Recorded:
    """What serves at a site, writing down its calls."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.receiver = NotingFactory()
        self._name = name
        self._calls = calls

    def attach(self, listener: object) -> None:
        self._calls.append(f"made {self._name}")

    def apply(self, settings: Rules) -> None:
        self._calls.append(f"apply {settings.text}{self._name}")
        if self._name == "broken":
            raise RuntimeError("a site with a bug")

    def close(self) -> None:
        self._calls.append(f"closed {self._name}")
        if self._name == "broken":
            raise RuntimeError("a site with a bug")


class Service(ListeningService[Sequence[str]]):
    """Its settings are names: of sockets in `directory`, which serve what `Recorded` does."""

    def __init__(self, directory: Path, *names: str) -> None:
        self.calls: list[str] = []
        self.directory = directory
        self.next: Sequence[str] | Exception = names
        self.refuses: BaseException | None = None
        self.rules = Rules()
        self.recorded: dict[str, Recorded] = {}
        self.open_at_apply: set[str] = set()
        super().__init__("test", names, load=self._read, reactor=REACTOR, metrics=Metrics())

    def wanted_sites(self, settings: Sequence[str]) -> list[SiteSpec]:
        return [
            SiteSpec(name, parse_endpoint(f"unix:{self.directory}/{name}"), name, self.rules)
            for name in settings
        ]

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> Any:
        self.recorded[wanted.key] = Recorded(wanted.key, self.calls)
        return self.recorded[wanted.key]

    def _read(self) -> Sequence[str]:
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    def open(self) -> None:
        self.calls.append("open")

    def apply(self, settings: Sequence[str]) -> None:
        self.calls.append(f"settings {' '.join(settings)}")
        self.open_at_apply = self.sockets()
        if self.refuses is not None:
            refuses, self.refuses = self.refuses, None
            raise refuses

    def stopping(self) -> Deferred[None]:
        self.calls.append("stopping")
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.calls.append("close")
        return succeed(None)

    def sockets(self) -> set[str]:
        """The names of the sockets that are there."""
        return {path.name for path in self.directory.iterdir() if path.is_socket()}
