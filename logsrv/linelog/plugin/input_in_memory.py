"""An input as a plugin for `MemoryService` and `conformance`: its listeners, and a store in memory.

A format over HTTP is tried as the input `http`, with the paths of all other formats beside its own.

Tests of an input need neither a directory nor an installed plugin. `stored` has the lines as the line
logger stores them, without time and source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit import Plugin
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.options.declare import option
from logsrv.kit.options.usage import usage_options
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.linelog.batch import Batch
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.interfaces import check_input_spelling
from logsrv.linelog.intake.over_http.input import input_of
from logsrv.linelog.intake.parsing import ParseOrder
from logsrv.linelog.plugin.logger_settings import LISTEN, InputEndpoint, ListenerSettings
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.plugin.service import InputServer
from logsrv.linelog.store.valve import Valve

ENDPOINTS = ("tcp:7000", "udp:7000")


@attrs.frozen(kw_only=True, slots=False)
class MemoryInputSettings(ListenerSettings, OperatorSettings):
    """The options of a listener, which a test may give; where it listens is ENDPOINTS."""

    listen: InputEndpoint = option(
        InputEndpoint(ENDPOINTS[0], "lines", Endpoint(ENDPOINTS[0], "tcp")), LISTEN, "not used"
    )

    @property
    def without_use(self) -> dict[str, str]:
        """Nothing: the tested input may use any option."""
        return {}


class MemoryStore:
    """The part of a store that inputs use: it keeps all blocks, and each is safe at once."""

    def __init__(self, reactor: Any) -> None:
        self.valve = Valve(reactor)
        self.stored = b""

    @property
    def appended(self) -> int:
        return len(self.stored)

    def append(self, batch: Batch) -> int:
        block = bytes(batch.block)
        self.stored += block
        return block.count(b"\n")

    def durable(self, since: int | None = None) -> Deferred[None]:
        return succeed(None)


class WorkerInMemory:
    """A worker for large messages in this process: tests start no other."""

    most = 1

    def answer(self, *parts: bytes, admit: object = None) -> Deferred[list[bytes]]:
        return succeed([*ParseOrder.decoded(b"".join(parts)).parse_and_answer()])


class InputService(ListeningService[MemoryInputSettings]):
    """The service of one input. stored: the lines so far, each with its ending."""

    # MemoryService replaces it; an input connects to nothing.
    client_endpoint: Any = None

    def __init__(
        self, tested: Any, settings: MemoryInputSettings, load: Callable[[], Any], reactor: Any
    ) -> None:
        metrics = Metrics(METRICS)
        super().__init__(tested.name, settings, load=load, reactor=reactor, metrics=metrics)
        self._tested = tested
        self._store: Any = MemoryStore(reactor)

    @property
    def stored(self) -> bytes:
        return bytes(self._store.stored)

    def wanted_sites(self, settings: MemoryInputSettings) -> list[SiteSpec]:
        found = []
        for endpoint in ENDPOINTS:
            spec = SiteSpec(endpoint, parse_endpoint(endpoint), f"{self.name}:{endpoint}", settings)
            try:
                self._server(spec, Metrics(METRICS))
            except ConfigurationError:
                # It takes the other kind only.
                continue
            found.append(spec)
        return found

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        return self._server(wanted, metrics)

    def _server(self, wanted: SiteSpec, metrics: Any) -> InputServer:
        workers: Any = WorkerInMemory()
        intake = Intake(
            wanted.label,
            wanted.settings,
            store=self._store,
            clock=self.clock,
            metrics=metrics,
            workers=workers,
        )
        is_datagrams = wanted.endpoint.kind == "datagram"
        make = self._tested.datagrams if is_datagrams else self._tested.stream
        return InputServer(intake, make(intake), self._store.valve)


class InputPlugin(Plugin):
    """A plugin of one input; `protocol` is the input."""

    @property
    def options(self) -> Any:
        return usage_options(
            MemoryInputSettings, name=self.name, version="0", description=self.description
        )

    def make_service_on(self, reactor: Any, options: Any) -> Any:
        try:
            return InputService(self.protocol, options.settings, options.reload, reactor)
        except ConfigurationError as error:
            raise StartError(f"{self.name}: {error}") from error


def input_plugin(tested: Any) -> InputPlugin | None:
    """Return a plugin for an input, or for a format over HTTP; None for an object that is neither.

    Raises ConfigurationError for a format whose routes cannot be made, and for a misspelt name.
    """
    tested = input_of(tested)
    if tested is None:
        return None
    check_input_spelling(tested)
    name: str = getattr(tested, "name", "")
    return InputPlugin(
        name=name,
        protocol=tested,
        datagrams=None,
        settings=None,
        state=None,
        description=f"The input {name}.",
        listen=ENDPOINTS,
        given_version="0",
    )
