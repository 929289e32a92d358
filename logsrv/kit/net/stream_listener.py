"""Listening on a stream endpoint: binding, letting peers in behind a guard, renewing the certificate."""

from __future__ import annotations

import select
from collections.abc import Sequence
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import check_place, clear_socket_path, reason_of
from logsrv.kit.net.drain import descriptor
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.guard.guarded_factory import GuardedFactory
from logsrv.kit.net.source import host_text
from logsrv.kit.net.tls.certificates import (
    CertificateWatch,
    RenewableCertificate,
    ask_for_certificates,
    authorities,
    certified,
    check_certificate,
    marks_of,
)
from logsrv.kit.net.twisted.ports import (
    close_socket,
    keep_inherited,
    make_ours,
    start_accepting,
    stop_accepting,
)
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.options.files import Mark
from logsrv.kit.text.words import shown

log = Logger()

# These build our protocols without a layer of their own around each.
BARE = ("tcp", "tcp6", "unix", "systemd", "stdio")

# These close a connection at once for which no protocol was built.
REFUSING = (*BARE, "ssl")

# The backlog holds no more connections than this; a flood must not keep us from stopping.
MOST_WAITING = 4096


class StreamListener:
    """Listens on a stream endpoint, behind a guard.

    certificate: that by which TLS is begun; None where there is none, and before it is bound.
    """

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
        if endpoint.has_certificate and endpoint.begins_plain:
            check_starts_tls(endpoint, factory)
        self.endpoint = endpoint
        self._reactor = reactor
        # None until it listens: endpoints of other packages may take their time.
        self._port: Any = None
        self._opened = False
        self._stopped = False
        self._label = label
        self.certificate: RenewableCertificate | None = None
        self._watch: CertificateWatch | None = None
        # Marks of the files that were loaded last.
        self._loaded: dict[str, Mark | None] = {}
        self._guarded = GuardedFactory(
            factory,
            label=label,
            policy=policy,
            clock=reactor,
            metrics=metrics,
            layered=endpoint.scheme not in REFUSING,
            proxied=endpoint.proxied,
            plain=endpoint.scheme in BARE,
            certified=endpoint.asks_for_certificates and not endpoint.begins_plain,
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
        if self._port is None:
            check_certificate(self.endpoint)
            check_place(self.endpoint)
        else:
            self._load_certificate()

    def _load_certificate(self) -> None:
        """Load the certificate again, for `renew`. Raises ListenError, and the one of before stays."""
        self._loaded = marks_of(self.endpoint)
        check_certificate(self.endpoint)
        if self.certificate is not None:
            try:
                self.certificate.load()
            except Exception as error:
                raise reason_of(error, self.endpoint) from error

    def _renew_certificate(self) -> None:
        self._load_certificate()
        assert self.certificate is not None
        self.certificate.renew()

    @property
    def protocols(self) -> Sequence[Any]:
        return self._guarded.protocols

    def apply(self, policy: GuardPolicy) -> None:
        self._guarded.apply(policy)
        if self.certificate is not None and self._watch is not None:
            self.certificate.renew()
            self._watch.taken = self._loaded

    def bind(self) -> None:
        check_certificate(self.endpoint)
        if self.endpoint.has_certificate:
            self._watch = CertificateWatch(
                self.endpoint, self._label, self._reactor, self._renew_certificate
            )
        clear_socket_path(self.endpoint)
        try:
            endpoint = self._parsed()
            if self.endpoint.has_certificate and self.endpoint.begins_plain:
                tls = partial(serverFromString, self._reactor, self.endpoint.twisted_tls)
                self.certificate = RenewableCertificate(tls, self._prepare)
            else:
                self.certificate = certified(endpoint, self._parsed, self._prepare)
            keep_inherited(endpoint)
            listening = endpoint.listen(self._guarded)
            failures: list[Failure] = []
            listening.addCallbacks(self._bound, failures.append)
            for failure in failures:
                failure.raiseException()
        except Exception as error:
            raise reason_of(error, self.endpoint) from error

        def tell(result: object) -> None:
            for failure in failures:
                assert failure.value is not None
                sentence = str(reason_of(failure.value, self.endpoint))
                log.critical("cannot listen on {sentence}", sentence=sentence)

        listening.addCallback(tell)

    def open(self) -> None:
        self._opened = True
        if self._port is not None:
            start_accepting(self._port)
        if self._watch is not None:
            self._watch.start()

    def _prepare(self, context: SSL.Context) -> None:
        if self.endpoint.asks_for_certificates:
            ask_for_certificates(
                context,
                authorities(self.endpoint),
                required=self.endpoint.argument("clientcert") != "optional",
            )

    def _parsed(self) -> Any:
        return serverFromString(self._reactor, self.endpoint.twisted)

    def _bound(self, port: Any) -> None:
        if self._stopped:
            port.stopListening()
            return
        self._port = port
        make_ours(port, layered=self.endpoint.proxied or self.endpoint.scheme not in BARE)
        if not self._opened:
            stop_accepting(port)
        log.info(
            "listening on {endpoint} at {address}",
            endpoint=str(self.endpoint),
            address=self.address or "a place of its own",
        )

    async def drain(self, seconds: float) -> int:
        """Accept who waits, listen no more, take in what has arrived, close each connection."""
        await self.stop_listening()
        return await self._guarded.drain(seconds)

    async def stop_listening(self) -> None:
        """Accept who waits, then no more: the place is free when this returns."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()
        port, self._port = self._port, None
        if port is None:
            return
        if self.endpoint.scheme == "systemd":
            # It is the service manager's: who waits there is for the next process. If it was shut
            # down, the port has closed itself.
            if descriptor(port) >= 0:
                close_socket(port)
                self._guarded.doStop()
            return
        stopped = maybeDeferred(getattr(port, "stopListening", port.loseConnection))
        # Between this call and the next turn of the reactor the socket is open and nobody else
        # accepts: who has connected until now was not refused.
        if self._opened:
            _accept_waiting(port)
        try:
            await stopped
        except OSError as error:
            # Twisted removes the file of a UNIX socket before it closes the socket.
            log.warn("{endpoint}: {error}", endpoint=str(self.endpoint), error=str(error))
            close_socket(port)


def check_starts_tls(endpoint: Endpoint, factory: object) -> None:
    """Raise ConfigurationError if nothing would ever be encrypted with the certificate of an endpoint."""
    if not getattr(factory, "starts_tls", False):
        raise ConfigurationError(
            f"{shown(str(endpoint))}: what is served here never begins TLS, so all would be in plain "
            + (
                "text; TLS from the beginning is ssl: in the place of tcp:"
                if endpoint.scheme.startswith("tcp")
                else f"text; {endpoint.scheme}: takes no certificate here"
            )
        )


def _accept_waiting(port: Any) -> None:
    listening = descriptor(port)
    if listening < 0:
        # It has none, or has closed itself: somebody shut the socket down that it was given.
        return
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    for _ in range(MOST_WAITING):
        if not poll.poll(0):
            return
        port.doRead()
