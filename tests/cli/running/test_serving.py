"""The parent hears of each step of a service, and ends it by a word or by going away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning
from twisted.logger import LogLevel, PredicateResult
from twisted.python.failure import Failure

from logsrv.cli.running.channel import MessageChannel
from logsrv.cli.running.serving import Chatter, Parent, Serving
from logsrv.errors import StartError


class Reactor:
    """A reactor in which what a test puts into `turns` happens."""

    def __init__(self) -> None:
        self.used: dict[str, Any] = {}
        self.turns: list[Any] = []
        self.running = False
        self.before: Any = None

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:
        self.before = function

    def adoptStreamConnection(self, number: int, family: int, factory: Any) -> None:
        self.parent = factory.buildProtocol(None)

    def forget_closed(self) -> None:
        pass

    def callLater(self, seconds: float, function: Any) -> None:
        self.turns.append(function)

    def run(self) -> None:
        self.running = True
        while self.turns:
            self.turns.pop(0)()

    def stop(self) -> None:
        if not self.running:
            raise ReactorNotRunning
        self.running = False
        self.before()


class Service:
    """A service that is ready when a test says so."""

    addresses = ("127.0.0.1:7000",)

    def __init__(self) -> None:
        self.launch: object = "of twistd"
        self.readiness: Deferred[None] = Deferred()
        self.calls: list[str] = []

    def privilegedStartService(self) -> None:
        self.calls.append("bound")

    def startService(self) -> None:
        self.calls.append("started")

    def stopService(self) -> Deferred[None]:
        self.calls.append("stopped")
        return succeed(None)

    def when_ready(self) -> Deferred[None]:
        return self.readiness

    def reload(self) -> Deferred[None]:
        return succeed(None)


@pytest.fixture
def channels() -> Iterator[tuple[MessageChannel, MessageChannel]]:
    ends = [MessageChannel(end) for end in socket.socketpair()]
    yield ends[0], ends[1]
    for end in ends:
        end.close()


def test_the_parent_hears_that_it_serves_was_reloaded_and_has_left(
    channels: tuple[MessageChannel, MessageChannel],
) -> None:
    ours, theirs = channels
    service, reactor, chatter = Service(), Reactor(), Chatter(quiet=True)
    reactor.turns = [
        lambda: service.readiness.callback(None),
        lambda: service.reload(),
        lambda: reactor.parent.dataReceived(b'"leave"\n'),
    ]
    Serving(service, ours, reactor, chatter).run()
    assert service.calls == ["bound", "started", "stopped"]
    assert theirs.receive() == {"serving": [], "at": ["127.0.0.1:7000"]}
    assert theirs.receive() == {"reloaded": [], "at": ["127.0.0.1:7000"]}
    assert theirs.receive() == {"left": True}
    # Its successor says enough.
    assert chatter.quiet


def test_what_keeps_it_from_beginning_is_raised(
    channels: tuple[MessageChannel, MessageChannel],
) -> None:
    service, reactor = Service(), Reactor()
    reactor.turns = [lambda: service.readiness.errback(StartError("no database"))]
    with pytest.raises(StartError, match="no database"):
        Serving(service, channels[0], reactor, Chatter(quiet=False)).run()
    assert service.calls == ["bound", "started", "stopped"]


def test_a_reload_whose_parent_has_gone_is_no_error(
    channels: tuple[MessageChannel, MessageChannel],
) -> None:
    """A terminal that is closed tells both."""
    ours, theirs = channels
    service, reactor = Service(), Reactor()
    errors: list[Failure] = []
    reactor.turns = [
        lambda: service.readiness.callback(None),
        theirs.close,
        lambda: service.reload().addErrback(errors.append),
        lambda: reactor.parent.connectionLost(),
    ]
    Serving(service, ours, reactor, Chatter(quiet=False)).run()
    assert (service.calls[-1], errors) == ("stopped", [])


def test_without_the_parent_it_ends() -> None:
    reactor, ended = Reactor(), []
    reactor.running, reactor.before = True, lambda: ended.append(True)
    parent = Parent(reactor, Chatter(quiet=False))
    parent.connectionLost()
    assert ended == [True]
    # Where it is ending already, there is nothing left to do.
    parent.connectionLost()
    parent.dataReceived(b'"leave"\n')
    assert ended == [True]


CHATTER = [
    ("logsrv.kit.service.service", "shout is ready"),
    ("twisted.internet.base", "Main loop terminated."),
    ("log_legacy", "(TCP Port 7000 Closed)"),
    ("log_legacy", "tcp:7000 starting on 7000"),
]


def event(namespace: str, text: str, level: Any = LogLevel.info) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level, "log_format": text}


@pytest.mark.parametrize(("namespace", "text"), CHATTER)
def test_starts_and_stops_are_kept_back_while_it_is_quiet(namespace: str, text: str) -> None:
    chatter = Chatter(quiet=True)
    assert chatter(event(namespace, text)) is PredicateResult.no
    assert chatter(event(namespace, text, LogLevel.warn)) is PredicateResult.maybe
    chatter.quiet = False
    assert chatter(event(namespace, text)) is PredicateResult.maybe


@pytest.mark.parametrize("namespace", ["shout", "log_legacy", "logsrv.kit.observe.peer_log"])
def test_what_the_author_logs_is_shown(namespace: str) -> None:
    assert Chatter(quiet=True)(event(namespace, "hello")) is PredicateResult.maybe
