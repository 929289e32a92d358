"""A service that the child serves, and what the parent and the log hear of it."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import attrs
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import ILogFilterPredicate, LogEvent, LogLevel, PredicateResult
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.running.channel import MessageChannel
from logsrv.kit.observe.log_lines import is_twisteds

# Loggers of ours whose messages of level `info` are of that kind.
CHATTERING = ("logsrv.kit.service.", "logsrv.kit.net.")


@implementer(ILogFilterPredicate)
class Chatter:
    """A log filter. Shows what warns, and what the author logs, at any time.

    quiet: whether messages of starts and stops are kept back, because one line of the parent says enough.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, event: LogEvent) -> Any:
        is_shown = not self.quiet or not _is_chatter(event)
        return PredicateResult.maybe if is_shown else PredicateResult.no


def _is_chatter(event: LogEvent) -> bool:
    if event.get("log_level") is not LogLevel.info:
        return False
    namespace = event.get("log_namespace") or ""
    return namespace.startswith(CHATTERING) or is_twisteds(event)


class Parent(Protocol):
    """The end of the channel to the parent: without the parent nobody would end us."""

    def __init__(self, reactor: Any, chatter: Chatter) -> None:
        self._reactor = reactor
        self._chatter = chatter

    def dataReceived(self, data: bytes) -> None:
        """The parent says `leave`, and no more: another one serves."""
        self._chatter.quiet = True
        # It may be ending by itself.
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._reactor.running:
            self._reactor.stop()


@attrs.define(eq=False)
class Serving:
    """A service on a reactor that holds sockets; the parent is told of each step."""

    _service: Any
    _channel: MessageChannel
    _reactor: Any
    _chatter: Chatter
    _failure: Failure | None = None

    def run(self) -> None:
        """Serve until the parent, or a signal, ends it. Raises what keeps it from beginning."""
        service, reactor = self._service, self._reactor
        # The parent hears of its start by the channel.
        service.launch = None
        service.privilegedStartService()
        reactor.addSystemEventTrigger("before", "shutdown", self._leave)
        # At a reload, too, there may be other sockets to be held.
        reload = service.reload
        service.reload = lambda: reload().addCallback(lambda _: self._tell_parent("reloaded"))
        service.startService()
        service.when_ready().addCallback(self._ready).addErrback(self._failed)
        parent = Factory.forProtocol(lambda: Parent(reactor, self._chatter))
        reactor.adoptStreamConnection(self._channel.fileno(), socket.AF_UNIX, parent)
        reactor.run()
        if self._failure is not None:
            self._failure.raiseException()

    def _ready(self, _: object) -> None:
        self._tell_parent("serving")
        self._chatter.quiet = False

    def _failed(self, failure: Failure) -> None:
        self._failure = failure
        if self._reactor.running:
            self._reactor.stop()

    def _tell_parent(self, event: str) -> None:
        self._reactor.forget_closed()
        used, at = self._reactor.used, self._service.addresses
        self._send({event: list(used), "at": at}, [each.fileno() for each in used.values()])

    def _leave(self) -> Any:
        stopped = self._service.stopService()
        # The sockets are closed in the next turn of the reactor, before this is called.
        self._reactor.callLater(0, lambda: self._send({"left": True}))
        return stopped

    def _send(self, *message: Any) -> None:
        # When it is the parent that has gone, nobody waits for this.
        with contextlib.suppress(OSError):
            self._channel.send(*message)
