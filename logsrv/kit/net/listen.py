"""Listening: an endpoint, an input and a guard become a service that binds, drains and stops."""

from __future__ import annotations

import select
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import check_place, clear_socket_path, host_text, reason_of
from logsrv.kit.net.datagrams import DatagramListener, DatagramReceiver
from logsrv.kit.net.drain import Drain
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.net.guarded_factory import GuardedFactory
from logsrv.kit.net.stdin import StdinListener
from logsrv.kit.net.twisted_private import (
    certified,
    close_shared_socket,
    close_socket,
    make_ours,
)
from logsrv.kit.observe.metrics import Counts

log = Logger()

# These build our protocols without a layer of their own around each.
BARE = ("tcp", "tcp6", "unix", "systemd", "stdio")
# The backlog holds no more connections than this; a flood must not keep us from stopping.
MOST_WAITING = 4096


class Listener(Protocol):
    """A listener, as `listener_for` gives it: a Twisted service, and what a reload and a stop need."""

    endpoint: Endpoint

    @property
    def address(self) -> str:
        """The place where it listens, as bound: `127.0.0.1:1234`, a path; "" before."""

    def privilegedStartService(self) -> None:
        """Bind. Raises ListenError with one sentence."""

    def startService(self) -> None: ...

    def stopService(self) -> Deferred[None]:
        """End at once whatever is left."""

    async def stop_listening(self) -> None:
        """Accept who waits, then no more; what takes in datagrams or standard input goes on."""

    def drain(self, seconds: float) -> Deferred[int]:
        """Take in what has arrived, then end. Gives how many peers were cut off at the deadline."""

    def check(self) -> None:
        """Raise ListenError for what would keep it from being bound, or from going on as it is.

        Nothing is opened, and no peer notices.
        """

    def apply(self, policy: GuardPolicy) -> None:
        """Go by other rules, and by what its files hold now."""


def listener_for(
    endpoint: Endpoint,
    *,
    factory: IProtocolFactory | None,
    receiver: DatagramReceiver | None,
    label: str,
    policy: GuardPolicy,
    reactor: Any,
    metrics: Counts,
) -> Listener:
    """The listener for an endpoint: `factory` for streams and standard input, `receiver` for datagrams.

    label: names the listener in logs and metrics.
    Raises ConfigurationError when the one that the endpoint needs is None.
    """
    wanted = receiver if endpoint.kind == "datagram" else factory
    if wanted is None:
        what = "datagrams" if endpoint.kind == "datagram" else "connections"
        raise ConfigurationError(f"{endpoint}: this input takes no {what}")
    make: Any = {"stream": StreamListener, "datagram": DatagramListener, "stdin": StdinListener}
    listener: Listener = make[endpoint.kind](
        endpoint, wanted, label=label, policy=policy, reactor=reactor, metrics=metrics
    )
    return listener


class StreamListener(Service):
    """Listens on a stream endpoint, behind a guard."""

    def __init__(
        self,
        endpoint: Endpoint,
        factory: IProtocolFactory,
        *,
        label: str,
        policy: GuardPolicy,
        reactor: Any,
        metrics: Counts,
    ) -> None:
        self.endpoint = endpoint
        self._reactor = reactor
        self._label = label
        self._port: Any = None
        self._certificate: Any = None
        self._guarded = GuardedFactory(
            factory,
            label=label,
            policy=policy,
            clock=reactor,
            metrics=metrics,
            layered=endpoint.scheme not in BARE,
            proxied=endpoint.scheme == "haproxy",
        )

    @property
    def address(self) -> str:
        if self._port is None:
            return ""
        host = self._port.getHost()
        if hasattr(host, "port"):
            return host_text(host.host, host.port)
        return str(self.endpoint.path or "")

    def check(self) -> None:
        self._check_certificate()
        if self._port is None:
            check_place(self.endpoint)

    def _check_certificate(self) -> None:
        if (self.endpoint.inner or self.endpoint).scheme == "ssl":
            from logsrv.kit.net.certificates import check_certificate

            check_certificate(self.endpoint)

    def apply(self, policy: GuardPolicy) -> None:
        self._guarded.apply(policy)
        if self._certificate is not None:
            self._certificate.renew()

    def privilegedStartService(self) -> None:
        # twistd calls this as root, and startService after it gave that up.
        if self._port is None:
            self._check_certificate()
            clear_socket_path(self.endpoint)
            self._listen()

    def startService(self) -> None:
        self.privilegedStartService()
        super().startService()

    def _listen(self) -> None:
        refused: list[Failure] = []
        returned = False

        def failed(failure: Failure) -> None:
            if not returned:
                refused.append(failure)
                return
            # An endpoint of another package took its time to fail.
            sentence = str(reason_of(failure.value or CancelledError(), self.endpoint))
            log.critical("cannot listen on {sentence}", sentence=sentence)

        try:
            endpoint = self._parsed()
            self._certificate = certified(endpoint, self._parsed)
            listening = endpoint.listen(self._guarded)
        except Exception as error:
            raise reason_of(error, self.endpoint) from error
        listening.addCallbacks(self._bound, failed)
        returned = True
        if refused:
            cause = refused[0].value or CancelledError()
            raise reason_of(cause, self.endpoint) from cause

    def _parsed(self) -> Any:
        return serverFromString(self._reactor, self.endpoint.twisted)

    def _bound(self, port: Any) -> None:
        self._port = port
        make_ours(port, layered=self.endpoint.scheme not in BARE)
        log.info(
            "listening on {endpoint} at {address}",
            endpoint=str(self.endpoint),
            address=self.address or "a place of its own",
        )

    def drain(self, seconds: float) -> Deferred[int]:
        """Accept who waits, listen no more, take in what has arrived, close each connection.

        Gives how many connections were cut off after `seconds`.
        """
        return Deferred.fromCoroutine(self._drain(seconds))

    async def _drain(self, seconds: float) -> int:
        await self.stop_listening()
        cut = await Drain(self._guarded.connections, seconds, self._reactor).done
        self._guarded.disarm()
        return cut

    def stopService(self) -> Deferred[None]:
        """End at once whatever `drain` has not ended."""
        super().stopService()
        return self.drain(0).addCallback(lambda cut: None)

    async def stop_listening(self) -> None:
        """Accept who waits, then no more: the place is free when this returns."""
        port, self._port = self._port, None
        if port is None:
            return
        if self.endpoint.scheme == "systemd":
            # It is the service manager's: who waits there is for the next process.
            close_shared_socket(port)
            self._guarded.doStop()
            return
        stopped = maybeDeferred(getattr(port, "stopListening", port.loseConnection))
        # Between this call and the next turn of the reactor the socket is open and nobody else
        # accepts: who has connected until now was not refused.
        _accept_waiting(port)
        try:
            await stopped
        except OSError as error:
            # Twisted removes the file of a UNIX socket before it closes the socket.
            log.warn("{endpoint}: {error}", endpoint=str(self.endpoint), error=str(error))
            close_socket(port)


def _accept_waiting(port: Any) -> None:
    try:
        descriptor = port.fileno()
    except AttributeError:
        return
    if descriptor < 0:
        # It has closed itself: somebody shut the socket down that it was given.
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    for _ in range(MOST_WAITING):
        if not poll.poll(0):
            return
        port.doRead()
