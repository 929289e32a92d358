"""Listening: an endpoint, an input and a guard become a listener that binds, opens and drains."""

from __future__ import annotations

import select
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import check_place, clear_socket_path, host_text, reason_of
from logsrv.kit.net.certificates import RenewableCertificate, check_certificate
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
# These close a connection at once for which no protocol was built.
REFUSING = (*BARE, "ssl")
# The backlog holds no more connections than this; a flood must not keep us from stopping.
MOST_WAITING = 4096


class Listener(Protocol):
    """A listener, as `listener_for` gives it: checked, bound, opened, applied, drained, in this order."""

    endpoint: Endpoint

    @property
    def address(self) -> str:
        """The place where it listens, as bound: `127.0.0.1:1234`, a path; "" before."""

    def bind(self) -> None:
        """Take the place, as root if need be. Raises ListenError with one sentence."""

    def open(self) -> None:
        """Take in what peers send, from the reactor's next turn on."""

    async def stop_listening(self) -> None:
        """Accept who waits, then no more; what takes in datagrams or standard input goes on."""

    def drain(self, seconds: float) -> Deferred[int]:
        """Take in what has arrived, then end. Gives how many peers were cut off at the deadline."""

    def check(self) -> None:
        """Raise ListenError for what would keep it from being bound, or from going on as it is.

        Nothing is opened, and no peer notices.
        """

    def apply(self, policy: GuardPolicy) -> None:
        """Go by other rules, and by what its files held when they were checked."""


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


class StreamListener:
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
        # Endpoints of other packages may take their time.
        self._listening: Deferred[Any] | None = None
        self._returned = self._stopped = False
        self._failure: Failure | None = None
        self._certificate: RenewableCertificate | None = None
        self._guarded = GuardedFactory(
            factory,
            label=label,
            policy=policy,
            clock=reactor,
            metrics=metrics,
            layered=(endpoint.inner or endpoint).scheme not in REFUSING,
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
        check_certificate(self.endpoint)
        if self._listening is None:
            check_place(self.endpoint)
        elif self._certificate is not None:
            try:
                self._certificate.load()
            except Exception as error:
                raise reason_of(error, self.endpoint) from error

    def apply(self, policy: GuardPolicy) -> None:
        self._guarded.apply(policy)
        if self._certificate is not None:
            self._certificate.renew()

    def bind(self) -> None:
        check_certificate(self.endpoint)
        clear_socket_path(self.endpoint)
        try:
            endpoint = self._parsed()
            self._certificate = certified(endpoint, self._parsed)
            self._listening = endpoint.listen(self._guarded)
        except Exception as error:
            raise reason_of(error, self.endpoint) from error
        self._listening.addCallbacks(self._bound, self._refused)
        refused, self._failure = self._failure, None
        self._returned = True
        if refused is not None:
            cause = refused.value or CancelledError()
            raise reason_of(cause, self.endpoint) from cause

    def _refused(self, failure: Failure) -> None:
        self._failure = failure
        if self._returned:
            sentence = str(reason_of(failure.value or CancelledError(), self.endpoint))
            log.critical("cannot listen on {sentence}", sentence=sentence)

    def open(self) -> None:
        """Nothing is left to do: a port that is bound accepts from the reactor's next turn on."""

    def _parsed(self) -> Any:
        return serverFromString(self._reactor, self.endpoint.twisted)

    def _bound(self, port: Any) -> None:
        if self._stopped:
            port.stopListening()
            return
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

    async def stop_listening(self) -> None:
        """Accept who waits, then no more: the place is free when this returns."""
        self._stopped = True
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
