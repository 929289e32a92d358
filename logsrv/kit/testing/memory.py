"""A plugin without sockets: the real service and protocols, peers in memory, a clock that waits.

service = MemoryService(shout)
peer = service.connect()
peer.feed(b"hello\\r\\n")
assert peer.received() == b"HELLO\\r\\n"
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import AbstractDatagramProtocol

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.declare import option_name, options_of
from logsrv.kit.protocols.datagrams import Datagrams
from logsrv.kit.service.plugin import Plugin, protocol_plugin
from logsrv.kit.service.protocol_service import ProtocolService
from logsrv.kit.service.stop import CLOSE_SECONDS, STOP_SECONDS
from logsrv.kit.testing.clock import MemoryClock
from logsrv.kit.testing.listening import MemoryDatagrams, MemoryStreams, memory_listener
from logsrv.kit.testing.peer import MemoryPeer, MemorySender
from logsrv.kit.text.words import did_you_mean

FIRST_PORT = 50000
# Seconds of the clock in memory; longer than any start that ends.
START_SECONDS = 3600.0


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """`data` whole, cut in two at every place, and byte by byte: len(data) + 1 ways."""
    yield [data]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]


def plugin_of(what: Any, **how: Any) -> Plugin:
    """Return a plugin as it is; a protocol class or a function as a plugin named `plugin`."""
    if isinstance(what, Plugin):
        return what
    if isinstance(what, type) and issubclass(what, Datagrams | AbstractDatagramProtocol):
        how.setdefault("listen", "udp:7000")
    return protocol_plugin("plugin", what, **how)


def parsed(plugin: Plugin, arguments: tuple[str, ...]) -> Any:
    """Return the options of a plugin for a command line; nothing is taken from the environment."""
    options = plugin.options()
    options.environment = {}
    options.parseOptions(arguments)
    return options


class NoProcess:
    """The signals, the watchdog and the garbage of a service that has no process to itself."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


@attrs.define
class ChangingOptions:
    """Options that a test changes. settings: as they were parsed. changed: by attribute."""

    options: Any
    changed: dict[str, Any] = attrs.field(factory=dict)

    @property
    def settings(self) -> Any:
        return self.options.settings

    def reload(self) -> Any:
        """Return the settings as they are wanted now. Raises ConfigurationError when they are wrong."""
        try:
            return attrs.evolve(self.options.reload(), **self.changed)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    def change(self, name: str, value: Any) -> None:
        """Change a setting: text as on the command line, or a value.

        Raises TypeError when there is no such option, ConfigurationError for text it does not take.
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


class MemoryService:
    """A plugin's service, started; `what` is a Plugin, a protocol class or a function.

    If its state needs time to start, that passes first.

    service: as protocols see it. clock: `advance(seconds)` lets time pass, and timers fire.
    """

    def __init__(self, what: Any, *arguments: str, **how: Any) -> None:
        """`arguments` as on the command line; `how` as `protocol_plugin` takes it.

        Raises ConfigurationError or SystemExit with one sentence, as twistd would end with it.
        """
        plugin = plugin_of(what, **how)
        self.clock = MemoryClock(self._let_peers_act)
        self._peers: set[MemoryPeer] = set()
        self._settings = ChangingOptions(parsed(plugin, arguments))
        self._ports = itertools.count(FIRST_PORT)
        self._listeners: dict[str, MemoryStreams | MemoryDatagrams] = {}
        self.service: ProtocolService[Any, Any] = plugin.service_on(self.clock, self._settings)
        self.service.make_listener = self._listener
        none: Any = NoProcess()
        self.service.signals = self.service.watchdog = self.service.long_lived = none
        self.service.startService()
        self.clock.until(self.service.when_ready(), START_SECONDS, "the start of its state")

    def _listener(self, endpoint: Endpoint, receiver: Any, **how: Any) -> Any:
        made: Any = memory_listener(endpoint, receiver, **how)
        self._listeners[str(endpoint)] = made
        return made

    @property
    def listeners(self) -> list[MemoryStreams | MemoryDatagrams]:
        """Return the listeners that let peers in now."""
        return [listener for listener in self._listeners.values() if listener.opened]

    @property
    def peers(self) -> list[MemoryPeer]:
        """Return the peers that were connected and have not ended."""
        self._let_peers_act()
        return list(self._peers)

    def _let_peers_act(self) -> None:
        for peer in list(self._peers):
            if peer.closed:
                self._peers.discard(peer)

    def connect(
        self, address: IAddress | str | None = None, *, to: str | None = None, reads: bool = True
    ) -> MemoryPeer:
        """A new connection, from 127.0.0.1:50000 unless told otherwise; then from 50001, and so on.

        address: the peer's, or its host. to: one of the plugin's endpoints, as it listens there;
        by default the first for connections. reads: whether the peer reads what it is sent, before it
        is told to `start_reading`.
        """
        listener: MemoryStreams = self._listening(MemoryStreams, to)
        if address is None or isinstance(address, str):
            host = address or "127.0.0.1"
            kind = IPv6Address if ":" in host else IPv4Address
            address = kind("TCP", host, next(self._ports))
        peer = MemoryPeer(listener.build(address), address, reads)
        self._peers.add(peer)
        return peer

    def sender(
        self, host: str = "127.0.0.1", port: int = FIRST_PORT, *, to: str | None = None
    ) -> MemorySender:
        """A sender of datagrams; `host` is an address, or the path of a UNIX socket.

        to: one of the plugin's endpoints, as it listens there; by default the first for datagrams.
        """
        address = host.encode() if "/" in host else (host, port)
        listener: MemoryDatagrams = self._listening(MemoryDatagrams, to)
        return listener.sender(address)

    def _listening(self, kind: type[Any], to: str | None) -> Any:
        there = {str(listener.endpoint): listener for listener in self.listeners}
        for endpoint, listener in there.items():
            if isinstance(listener, kind) and to in (None, endpoint):
                return listener
        what = "datagrams" if kind is MemoryDatagrams else "connections"
        raise AssertionError(
            f"{self.service.name} takes no {what}{f' at {to}' if to else ''} now; "
            f"it listens at {', '.join(there) or 'nothing'}"
        )

    def answer(self, data: bytes) -> bytes:
        """Return what a peer gets that connects and sends `data`, however the network cuts it.

        Raises AssertionError when it is not the same for every cut.
        """
        answers = {self._converse(pieces): pieces for pieces in every_split(data)}
        if len(answers) > 1:
            (one, cut), (other, otherwise) = list(answers.items())[:2]
            raise AssertionError(
                f"cut as {cut} the answer is {one!r}, as {otherwise} {other!r}; all ask one service, "
                "which may keep what it was told"
            )
        return next(iter(answers))

    def _converse(self, pieces: list[bytes]) -> bytes:
        peer = self.connect()
        for piece in pieces:
            peer.feed(piece)
        answer = peer.received()
        peer.disconnect()
        return answer

    def reload(self, **changed: Any) -> None:
        """Reload with other settings, by attribute: `reload(topic="cats", max_connections=3)`.

        Text is read as on the command line; None is `off`. What an earlier one changed stays so.
        Raises what refuses it: a ConfigurationError, or whatever `apply` raises; all stays as it was.
        """
        before = dict(self._settings.changed)
        try:
            for name, value in changed.items():
                self._settings.change(name, value)
            reloaded = Deferred.fromCoroutine(self.service.reloads.once())
            self.clock.until(reloaded, 2 * CLOSE_SECONDS, "the reload")
        except BaseException:
            self._settings.changed = before
            raise

    def stop(self) -> int:
        """Stop as at SIGTERM, and return how many peers were cut off; time passes as it needs.

        Raises AssertionError when it does not end.
        """
        self.clock.until(self.service.stopService(), 2 * STOP_SECONDS, "the stop")
        return self.service.served.cut

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, summed over the labels that are not given."""
        return self.service.metrics.value(name, **labels)
