"""Requests in memory for tests: a channel without a socket."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.channel import WebFactory, WebRequest
from logsrv.linelog.http.http_part import HttpPart
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.search_order import Work
from logsrv.linelog.http.server import WHOLE_BODIES, WebServer
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents
from logsrv.linelog.plugin.monitoring import METRICS, unhealthy_reasons
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.totals import StoreTotals
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position, Segment, sealed_segments
from tests.parts.child_processes import Spawner
from tests.parts.search_orders import values_of
from tests.parts.stores import lines, make_store, view_of


class _Transport(StringTransportWithDisconnection):
    aborting = False

    def abortConnection(self) -> None:
        self.aborting = True


class Browser:
    """A connection whose requests `handle` answers; `received` is all that came back."""

    def __init__(
        self,
        handle: Callable[[WebRequest], object],
        clock: Clock | None = None,
        peer: str = "127.0.0.1",
        host: str = "127.0.0.1",
    ) -> None:
        self.transport = _Transport(
            hostAddress=IPv4Address("TCP", host, 80), peerAddress=IPv4Address("TCP", peer, 5)
        )
        factory = WebFactory(handle, clock or Clock(), "web", GuardPolicy(), WHOLE_BODIES)
        self.channel: Any = factory.buildProtocol(None)
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> bytes:
        """Send a request; what came back until now. `Host` is localhost unless given."""
        given = {"Host": "localhost"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given)]
        self.channel.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.received

    @property
    def received(self) -> bytes:
        value: bytes = self.transport.value()
        return value

    def leave(self) -> None:
        """Close the connection from the other end."""
        self.channel.connectionLost(Failure(ConnectionDone()))


def requested(**how: Any) -> WebRequest:
    """A request as a handler gets it."""
    found: list[WebRequest] = []
    browser = Browser(
        found.append, **{name: how.pop(name) for name in ("peer", "host") if name in how}
    )
    browser.get(**how)
    return found[0]


VALUES = values_of("search", "limit=100000")


class SearchSink:
    """Takes an answer; `done` fires at its end with its problem, `first` at its first bytes."""

    def __init__(self) -> None:
        self.text, self.missing = b"", ""
        self.first: Deferred[None] = Deferred()
        self.done: Deferred[Problem | None] = Deferred()

    def receive_missing(self, missing: str) -> None:
        self.missing = missing

    def receive_data(self, data: bytes) -> None:
        self.text += data
        if not self.first.called:
            self.first.callback(None)

    def receive_end(self, problem: Problem | None) -> None:
        self.done.callback(problem)


def asked(**values: Any) -> Work:
    """What a search with these values needs of a process."""
    return {"function": "search", "values": VALUES | values, "progress": False}


class StoreOnDisk:
    """The store in a directory, as a daemon would count it."""

    def __init__(self, directory: Path) -> None:
        self.disk = Disk().open_directory(directory)

    @property
    def position(self) -> Position:
        return end_of_store(view_of(Path(self.disk.directory)))

    def sealed_segments(self) -> list[Segment]:
        return sealed_segments(self.disk)


class Reactor(Spawner):
    """A clock whose threads do their work at once; or a test gives their results, those in `held`."""

    held: list[Callable[[bool, object], object]] | None = None

    def getThreadPool(self) -> Any:
        return self

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        function(*args)

    def callInThreadWithCallback(
        self,
        result: Callable[[bool, object], object],
        function: Callable[..., object],
        *args: object,
    ) -> None:
        if self.held is not None:
            self.held.append(result)
            return
        try:
            found = function(*args)
        except Exception:
            result(False, Failure())
        else:
            result(True, found)


class ServedStore:
    """A server of a store with two lines."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.store = make_store(directory / "store", [lines(["a", "b"])])
        self.metrics = Metrics(METRICS, HttpPart.metrics)
        self.troubles: dict[str, str] = {}
        store: Any = SimpleNamespace(
            accepts=True,
            troubles=lambda: self.troubles,
            under_way=dict,
            valve=SimpleNamespace(closed_for=lambda: 0.0),
        )
        self.reactor = Reactor()
        self.server = WebServer(
            lambda: str(self.store),
            HttpSettings(),
            position=lambda: end_of_store(view_of(self.store)),
            unhealthy=lambda: unhealthy_reasons(store),
            unready=list,
            totals=StoreTotals(StoreOnDisk(self.store)).count,
            metrics=self.metrics,
            reactor=self.reactor,
        )
        if settings != {"applied": False}:
            self.server.apply(HttpSettings(**settings))

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
        """The status, and the body as JSON if it is that."""
        answer = Browser(self.server.handle, self.reactor).get(path, method, **headers)
        head, _, body = answer.partition(b"\r\n\r\n")
        self.head = head.decode().lower()
        status = int(head.split()[1])
        return status, json.loads(body) if b"/json" in head and body else body


class Watcher:
    """A viewer that notes what it is handed."""

    def __init__(self, query: str = "") -> None:
        self.query = LiveQuery(query)
        self.data = b""
        self.why = ""
        self._wanted: Callable[[], bool] | None = None
        self._fires: Deferred[None] = Deferred()
        self.live = False

    def receive_events(self, events: ViewEvents) -> None:
        self.data += events.data
        self.live = self.live or events.live
        self._look()

    def close(self, why: str) -> None:
        self.why = why
        self._look()

    def _look(self) -> None:
        if self._wanted is not None and self._wanted():
            self._wanted = None
            fires, self._fires = self._fires, Deferred()
            fires.callback(None)

    async def until(self, wanted: Callable[[], bool]) -> None:
        if not wanted():
            self._wanted = wanted
            await self._fires
