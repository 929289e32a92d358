"""A plugin without sockets: the real service and protocols, peers in memory, a clock that a test advances.

service = MemoryService(shout)
peer = service.connect()
peer.feed(b"hello\\r\\n")
assert peer.received() == b"HELLO\\r\\n"
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import AbstractDatagramProtocol

from logsrv.errors import ConfigurationError
from logsrv.kit._protocol_plugin.endpoints import client_endpoint
from logsrv.kit._protocol_plugin.plugin import Plugin, protocol_plugin
from logsrv.kit._protocol_plugin.protocol_service import ProtocolService
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.declare import option_name, options_of, tables_of
from logsrv.kit.plugins import load_object
from logsrv.kit.protocols._datagrams import Datagrams
from logsrv.kit.service._stop import CLOSE_SECONDS, STOP_SECONDS
from logsrv.kit.testing._difference import difference, short_repr
from logsrv.kit.testing._memory_clock import NEEDS_SERVE, MemoryClock
from logsrv.kit.testing._memory_http import NO_HEADERS, MemoryAnswer, http_request, parse_answer
from logsrv.kit.testing._memory_peers import (
    MemoryDatagrams,
    MemoryPeer,
    MemorySender,
    MemoryStreams,
)
from logsrv.kit.text.words import did_you_mean, listed
from logsrv.old_names import with_old_argument

FIRST_PORT = 50000
# The attributes of an input of the line logger, and of a format of its input `http`; and the function that
# makes a plugin of one.
INPUT, HTTP_FORMAT = ("name", "stream", "datagrams"), ("name", "routes")
INPUT_PLUGIN = "logsrv.linelog.plugin.input_in_memory:input_plugin"
# Seconds of the clock in memory; no start takes longer.
START_SECONDS = 3600.0
# Seconds of the clock in memory that an answer by HTTP may take: more than a busy store or a stop.
REQUEST_SECONDS = 10.0


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """Yield ways to split `data`: whole, in two at every offset, and byte by byte: len(data) + 1 ways."""
    yield [data]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]


def as_plugin(what: Any, **how: Any) -> Plugin:
    """Return `what` if it is a plugin; else one for this input, HTTP format, protocol class or function."""
    if isinstance(what, Plugin):
        return what
    is_input = any(all(hasattr(what, one) for one in kind) for kind in (INPUT, HTTP_FORMAT))
    if is_input and not isinstance(what, type):
        plugin: Plugin | None = load_object(INPUT_PLUGIN)(what)
        if plugin is not None:
            return plugin
    if isinstance(what, type) and issubclass(what, Datagrams | AbstractDatagramProtocol):
        how.setdefault("listen", "udp:7000")
    return protocol_plugin("plugin", what, **how)


def parsed(plugin: Plugin, arguments: tuple[str, ...]) -> Any:
    """Return the options of a plugin for a command line, without environment variables."""
    options = plugin.options()
    options.environment = {}
    options.parseOptions(arguments)
    return options


class NullService:
    """Replaces the signals, the watchdog and the garbage collection of a service; does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


@attrs.define
class ChangingOptions:
    """Options that a test can change. settings: as parsed. changed: the changed values, by attribute."""

    options: Any
    changed: dict[str, Any] = attrs.field(factory=dict)

    @property
    def settings(self) -> Any:
        return self.options.settings

    def reload(self) -> Any:
        """Read the settings again; return them with the changed values. Raises ConfigurationError."""
        try:
            return self._with_tables(attrs.evolve(self.options.reload(), **self.changed))
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    def _with_tables(self, settings: Any) -> Any:
        """Return the settings with the changes in their tables, such as `listener`, too."""
        for name, declared in tables_of(type(settings)).items():
            here = options_of(declared.settings_class).keys() & vars(settings).keys()
            before, made = getattr(settings, name), declared.settings_class
            if (short := declared.shorthand) in self.changed:
                rules = {one: getattr(settings, one) for one in here}
                tables = [made(**rules | {short: one}) for one in getattr(settings, short)]
            else:
                new = {one: value for one, value in self.changed.items() if one in here}
                tables = [attrs.evolve(one, **new) for one in before]
            settings = attrs.evolve(settings, **{name: tuple(tables)})
        return settings

    def change(self, name: str, value: Any) -> None:
        """Change a setting from the next `reload` on.

        value: text as on the command line, or a value; for a repeatable option a tuple or list of them;
        None for `off`.

        Raises TypeError when there is no such option, ConfigurationError for text that it does not accept.
        """
        declared = options_of(type(self.settings))
        if name not in declared:
            raise TypeError(f"there is no option {name}{did_you_mean(name, list(declared))}")
        option = declared[name]
        many = option.repeatable and isinstance(value, tuple | list)
        try:
            values = tuple(
                option.kind.parse(one) if isinstance(one, str) else one
                for one in (value if many else (value,))
            )
        except ValueError as error:
            raise ConfigurationError(f"--{option_name(name)} {value}: {error}") from error
        if value is None:
            self.changed[name] = option.nothing
        else:
            self.changed[name] = values if option.repeatable else values[0]


class RefusingEndpoint:
    """An address where nobody listens."""

    def connect(self, factory: Any) -> Deferred[Any]:
        return fail(ConnectionRefusedError())


class FarSide:
    """A server that the plugin connects to. peers: the connections that it has made, in their order.

    silent: whether it accepts connections and then does nothing, as in a handshake that does not end.
    """

    def __init__(self) -> None:
        self.peers: list[MemoryPeer] = []
        self.silent = False

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.silent:
            refused = ConnectingCancelledError(IPv4Address("TCP", "127.0.0.1", FIRST_PORT))
            # Ends in the same way as an endpoint of Twisted's that is cancelled.
            return Deferred(lambda connecting: connecting.errback(refused))
        address = IPv4Address("TCP", "127.0.0.1", FIRST_PORT + len(self.peers))
        protocol = factory.buildProtocol(address)
        self.peers.append(MemoryPeer(protocol, address))
        return succeed(protocol)


class MemoryService:
    """A started service of a plugin, without sockets.

    If its state needs time to start, the clock is advanced until it has started.

    service: the RunningService that protocols get. clock: `advance(seconds)` lets time pass, so that timers
    fire. What a start would log about its options, such as a limit without effect, is a Python warning.
    """

    def __init__(self, what: Any, *arguments: str, **how: Any) -> None:
        """`what`: a Plugin, an input, a format over HTTP, a protocol class or a function.

        `arguments`: as on the command line.

        `how`: arguments of `protocol_plugin`, unless `what` is a Plugin. Raises ConfigurationError or
        SystemExit with the sentence with which twistd would end.
        """
        plugin = as_plugin(what, **how)
        # The listener for peers that are not sent to another.
        self.to: str | None = None
        self.clock = MemoryClock(self._let_peers_act)
        self._peers: set[MemoryPeer] = set()
        options = parsed(plugin, arguments)
        for sentence in options.loaded.warnings:
            warnings.warn(f"{plugin.name}: {sentence}", stacklevel=2)
        self._settings = ChangingOptions(options)
        self._ports = itertools.count(FIRST_PORT)
        self._listeners: dict[str, MemoryStreams | MemoryDatagrams] = {}
        self.service: ProtocolService[Any, Any] = plugin.make_service_on(self.clock, self._settings)
        self.service.make_listener = self._make_listener
        self._far: dict[str, FarSide] = {}
        self.service.client_endpoint = self._client_endpoint
        none: Any = NullService()
        self.service.signals = self.service.watchdog = self.service.long_lived = none
        self.service.startService()
        self.clock.until(self.service.when_ready(), START_SECONDS, "the start of its state")

    def _make_listener(self, endpoint: Endpoint, receiver: Any, **how: Any) -> Any:
        """Return a listener in memory for an endpoint, instead of `logsrv.kit.net.listen.listener_for`."""
        make: dict[str, Any] = {"stream": MemoryStreams, "datagram": MemoryDatagrams}
        if endpoint.kind not in make:
            raise AssertionError(f"{endpoint} is nothing that a MemoryService has")
        made = self._listeners[str(endpoint)] = make[endpoint.kind](endpoint, receiver, **how)
        return made

    @property
    def listeners(self) -> list[MemoryStreams | MemoryDatagrams]:
        """Return the listeners that let peers in."""
        return [listener for listener in self._listeners.values() if listener.opened]

    def listeners_at(self, to: str | None) -> list[MemoryStreams | MemoryDatagrams]:
        """Return the listeners of this name, endpoint or, without a name, type; all for None."""
        return [
            one
            for one in self.listeners
            if to in (None, str(one.endpoint), one.endpoint.name or one.endpoint.scheme)
        ]

    @property
    def peers(self) -> list[MemoryPeer]:
        """Return the peers that were connected and have not ended."""
        self._let_peers_act()
        return list(self._peers)

    def _let_peers_act(self) -> None:
        for peer in list(self._peers):
            if peer.closed:
                self._peers.discard(peer)

    def _let_others_act(self) -> None:
        for peer in [one for one in self._peers if one.has_to_act]:
            peer.look()

    def connect(
        self, address: IAddress | str | None = None, *, to: str | None = None, reads: bool = True
    ) -> MemoryPeer:
        """Connect a new peer, by default from 127.0.0.1:50000, the next from port 50001, and so on.

        address: the peer's address, or only its host. to: the name of a listener, an endpoint of the plugin
        as in its settings, or its type, such as "tcp"; by default the first for connections. reads: whether
        the peer reads from the start; otherwise it reads after `start_reading`.
        """
        listener: MemoryStreams = self._find_listener(MemoryStreams, to)
        if address is None or isinstance(address, str):
            host = address or "127.0.0.1"
            kind = IPv6Address if ":" in host else IPv4Address
            address = kind("TCP", host, next(self._ports))
        peer = MemoryPeer(listener.build(address), address, reads)
        peer.when_handled = self._let_others_act
        self._peers.add(peer)
        return peer

    def sender(
        self, host: str = "127.0.0.1", port: int = FIRST_PORT, *, to: str | None = None
    ) -> MemorySender:
        """Return a sender of datagrams. host: an IP address, or the path of a UNIX socket.

        to: as in `connect`; by default the first for datagrams.
        """
        address = host.encode() if "/" in host else (host, port)
        listener: MemoryDatagrams = self._find_listener(MemoryDatagrams, to)
        return listener.sender(address)

    def _find_listener(self, kind: type[Any], to: str | None) -> Any:
        to = to or self.to
        for listener in self.listeners_at(to):
            if isinstance(listener, kind):
                return listener
        there = [str(listener.endpoint) for listener in self.listeners]
        what = "datagrams" if kind is MemoryDatagrams else "connections"
        raise AssertionError(
            f"{self.service.name} takes no {what}{f' at {to}' if to else ''} now; "
            f"it listens at {', '.join(there) or 'nothing'}"
        )

    @with_old_argument("place", "endpoint", "MemoryService.far")
    def far(self, endpoint: str) -> FarSide:
        """Stand in for the server at `endpoint`, as the plugin gives it to `dial` or `connect`.

        Each connection that the plugin makes there is in `peers` of the result. Other addresses refuse.
        """
        return self._far.setdefault(endpoint, FarSide())

    def _client_endpoint(
        self, address: Any, reactor: Any, seconds: float = 0
    ) -> tuple[str, Any, str]:
        # The text is checked as without a test.
        name, _, host = client_endpoint(address, reactor)
        return name, self._far.get(str(address)) or RefusingEndpoint(), host

    def answer(self, data: bytes, *, to: str | None = None) -> bytes:
        """Return the answer to a peer that connects and sends `data`, for every way to split it.

        Each way is a new connection (`every_split`). to: as in `connect`. Raises AssertionError when the
        answers differ, or there is none because the handler still waits.
        """
        answers = {self._converse(pieces, to): pieces for pieces in every_split(data)}
        if len(answers) > 1:
            (one, cut), (other, otherwise) = list(answers.items())[:2]
            raise AssertionError(
                f"the answer to {short_repr(cut)} is {short_repr(one)}, to {short_repr(otherwise)} "
                f"{short_repr(other)}: {difference(one, other)}; all of them went to one "
                "service, and its state may have changed"
            )
        return next(iter(answers))

    def _converse(self, pieces: list[bytes], to: str | None) -> bytes:
        peer = self.connect(to=to)
        for piece in pieces:
            peer.feed(piece)
        answer = peer.received()
        works = not answer and getattr(peer.protocol, "working", False)
        peer.disconnect()
        if works:
            raise AssertionError(
                f"{short_repr(pieces)} has no answer yet: the handler still waits; `connect` a "
                f"peer and advance the clock for it, or for other code: {NEEDS_SERVE}"
            )
        return answer

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        to: str | None = None,
    ) -> MemoryAnswer:
        """Send a request by HTTP over a connection of its own; return the answer.

        headers: as of `http_request`. to: as in `connect`. The clock is advanced while there is no answer.
        Raises AssertionError if none has come after ten seconds.
        """
        peer = self.connect(to=to)
        peer.feed(http_request(method, path, body, headers))
        data, waited = peer.received(), 0
        while (answer := parse_answer(data, method, peer.ended)) is None:
            if peer.closed or waited >= REQUEST_SECONDS:
                raise AssertionError(f"{method} {path} has no answer, only {data[:200]!r}")
            self.clock.advance(1)
            waited += 1
            data += peer.received()
        peer.disconnect()
        return answer

    @property
    def stored(self) -> bytes:
        """Return the lines that an input has stored, without time and source; b"" of other plugins."""
        return getattr(self.service, "stored", b"")

    def reload(self, **changed: Any) -> None:
        """Reload with changed settings, by attribute: `reload(topic="cats", max_connections=3)`.

        Text is parsed as on the command line; None is `off`. Changes of earlier calls stay. A reload that
        is refused changes nothing, and raises ConfigurationError, or the error of the state's `apply`.
        """
        before = dict(self._settings.changed)
        try:
            for name, value in changed.items():
                self._settings.change(name, value)
            reloaded = Deferred.fromCoroutine(self.service.reloads.reload_once())
            self.clock.until(reloaded, 2 * CLOSE_SECONDS, "the reload")
        except BaseException:
            self._settings.changed = before
            raise

    def stop(self) -> int:
        """Stop as at SIGTERM, advancing the clock as needed. Return how many peers were cut off.

        Raises AssertionError when the stop does not end.
        """
        self.clock.until(self.service.stopService(), 2 * STOP_SECONDS, "the stop")
        return self.service.served.cut

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a counter or gauge, summed over the labels that are not given.

        Raises ValueError for a name that is neither declared nor was counted yet, for a histogram, and for
        a label that the metric does not have: 0 would hide a misspelt name.
        """
        found = {metric.name: metric for metric in self.service.metrics.catalogue}
        if (metric := found.get(name)) is None:
            raise ValueError(
                f"there is no metric {name}{did_you_mean(name, list(found))}; before its first count, it is"
                " known only if it is declared (`service.metrics.declare`)"
            )
        if metric.kind == "histogram":
            raise ValueError(f"{name} is a histogram, and has no single value")
        for label in labels.keys() - set(metric.labels):
            has = listed(metric.labels) if metric.labels else "no labels"
            hint = did_you_mean(label, metric.labels)
            raise ValueError(f"{name} has no label {label}{hint}; it has {has}")
        return self.service.metrics.value(name, **labels)
