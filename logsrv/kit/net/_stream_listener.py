"""The listener for connections: binds, accepts peers through a guard, renews its certificate."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections._streams import BoundedAcceptMixin
from logsrv.kit.connections._tls import GatheringTLSFactory
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.source import host_text
from logsrv.kit.connections.transports import descriptor
from logsrv.kit.net._listener_address import ListenerAddress
from logsrv.kit.net._ports import (
    adopt_duplicate,
    block_new_connections,
    close_socket,
    is_shared,
    port_on_socket,
    use_our_classes,
)
from logsrv.kit.net.bind import check_can_bind, listen_error, remove_stale_socket, set_file_mode
from logsrv.kit.net.endpoint import LISTENING, Endpoint, log_listening
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.text.words import shown
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.kit.net import _certificates, _stdin
    from logsrv.kit.net._certificates import RenewableCertificate
else:
    _certificates = later_module("logsrv.kit.net._certificates")
    _stdin = later_module("logsrv.kit.net._stdin")

log = Logger()

# Schemes whose Twisted endpoints put no layer of their own around our protocols.
BARE = ("tcp", "tcp6", "unix", "systemd", "stdio", "stdin")

# Schemes whose endpoints close a connection at once if no protocol was built for it.
REFUSING = (*BARE, "ssl")

# Connections and seconds, at most, for the peers that wait at a stop; then the others are left. Without
# these bounds a flood could keep us from stopping, on systems where the kernel goes on to let peers in.
MOST_WAITING = 4096
MOST_SECONDS = 1.0


class StreamListener:
    """Listens on a stream endpoint, or on standard input, behind a guard.

    certificate: the certificate for TLS; None without one, and before `bind`.
    """

    sentence = LISTENING

    def __init__(
        self,
        endpoint: Endpoint,
        factory: IProtocolFactory,
        *,
        label: str,
        policy: GuardPolicy,
        reactor: Any,
        metrics: Counts,
        kept: KeptSockets | None = None,
    ) -> None:
        """`kept`: the sockets that outlive this process."""
        if endpoint.has_certificate and endpoint.begins_plain:
            check_starts_tls(endpoint, factory)
        # A peer could begin TLS by mistake.
        may_try_tls = endpoint.begins_plain and endpoint.scheme not in ("stdio", "stdin")
        self.endpoint = endpoint
        self._reactor = reactor
        # None until it listens, which may be after `bind`, with endpoint types of other packages.
        self._port: Any = None
        self._opened = False
        self._stopped = False
        self._address = ListenerAddress(self, kept, reactor)
        self._label = label
        self.certificate: RenewableCertificate | None = None
        self._guarded = GuardedFactory(
            factory,
            label=label,
            policy=policy,
            clock=reactor,
            metrics=metrics,
            layered=endpoint.scheme not in REFUSING,
            proxied=endpoint.proxied,
            plain=endpoint.scheme in BARE,
            refuses_tls=getattr(factory, "refuses_tls", False) and may_try_tls,
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

    def check_and_reload(self) -> None:
        if self._port is None:
            if self.endpoint.has_certificate:
                _certificates.check_certificate(self.endpoint)
            check_can_bind(self.endpoint, self._address.kept)
        else:
            if self.certificate is not None:
                self.certificate.load_files()
            self._address.restore_if_missing()

    @property
    def protocols(self) -> Sequence[Any]:
        return self._guarded.protocols

    def apply(self, policy: GuardPolicy) -> None:
        self._guarded.apply(policy)
        self._pass_options_on()
        if self.certificate is not None:
            self.certificate.use_loaded()

    def bind(self) -> None:
        factory: IProtocolFactory = self._guarded
        if self.endpoint.has_certificate:
            self.certificate = _certificates.RenewableCertificate(
                self.endpoint, self._label, self._reactor
            )
            if not self.endpoint.begins_plain:
                factory = GatheringTLSFactory(self.certificate, False, factory)
        taken = self._address.take_kept_socket()
        if taken is None:
            remove_stale_socket(self.endpoint)
        else:
            set_file_mode(self.endpoint)
        try:
            listening = self._listen(factory, taken)
            failures: list[Failure] = []
            listening.addCallbacks(self._take_bound_port, failures.append)
            for failure in failures:
                failure.raiseException()
        except Exception as error:
            raise listen_error(error, self.endpoint, self._address.kept) from error

        def tell(result: object) -> None:
            for failure in failures:
                assert failure.value is not None
                sentence = str(listen_error(failure.value, self.endpoint))
                log.critical("cannot listen on {sentence}", sentence=sentence)

        listening.addCallback(tell)

    def open(self) -> None:
        self._opened = True
        if self._port is not None:
            getattr(self._port, "startReading", lambda: None)()
            self._address.note_open(descriptor(self._port))
        if self.certificate is not None:
            self.certificate.watch_files()

    def drain_old_socket(self) -> Any:
        """Accept all waiting peers, and return the port, which the reactor watches."""
        self._accept_waiting(self._port)
        return self._port

    def _listen(self, factory: IProtocolFactory, taken: socket.socket | None) -> Deferred[Any]:
        """Listen on a kept socket, standard input or Twisted's endpoint; fires with the port."""
        if taken is not None:
            return succeed(port_on_socket(self._reactor, taken, factory, self.endpoint))
        if self.endpoint.kind == "stdin":
            return succeed(_stdin.StdinPort(factory, self._reactor))
        endpoint: Any = serverFromString(self._reactor, self.endpoint.twisted_description)
        adopt_duplicate(
            endpoint, lambda one: self._address.kept.note_adopted(one, str(self.endpoint))
        )
        listening: Deferred[Any] = endpoint.listen(factory)
        return listening

    def _take_bound_port(self, port: Any) -> None:
        if self._stopped:
            port.stopListening()
            return
        self._port = port
        self._address.note_bound()
        use_our_classes(port)
        self._pass_options_on()
        if not self._opened:
            # Twisted accepts from `listen` on. A port of another package may be unable to wait.
            getattr(port, "stopReading", lambda: None)()
        log_listening(self.sentence, self.endpoint, self.address)

    def _pass_options_on(self) -> None:
        if isinstance(self._port, BoundedAcceptMixin):
            self._port.pass_options_on(self._guarded.guard.policy.keepalive)

    async def drain(self, seconds: float) -> int:
        """Stop listening as `stop_listening` does, take in data that has arrived, close each connection."""
        await self.stop_listening()
        return await self._guarded.drain(seconds)

    async def stop_listening(self) -> None:
        """Accept waiting peers, then no more. The address is free when this returns.

        But a socket unit's address stays taken, and its waiting peers are left to the next process.
        """
        self._stopped = True
        address = self._address
        address.stop_watching()
        address.kept.note_listener_ended(address.known or str(self.endpoint))
        if self.certificate is not None:
            self.certificate.stop_watching()
        port, self._port = self._port, None
        if port is None:
            return
        of_unit = self.endpoint.scheme == "systemd" or address.kept.is_from_unit(address.known)
        if of_unit or address.outlives:
            # A socket unit serves its waiting peers later, by another process if need be. A socket that is
            # only kept for us is closed unless this is a restart, so its waiting peers are accepted first.
            if self._opened and not of_unit:
                self._accept_waiting(port)
            # The port has closed itself if the socket was shut down.
            if descriptor(port) >= 0:
                close_socket(port)
                self._guarded.doStop()
            return
        # The port of stdio: is its one connection.
        stopped = maybeDeferred(getattr(port, "stopListening", None) or port.loseConnection)
        if address.known is not None or not is_shared(port):
            block_new_connections(port)
            address.leave()
        # Without a wait in between: a peer that connected then would be reset, and its data lost.
        if self._opened:
            self._accept_waiting(port)
        close_socket(port)
        await stopped

    def _accept_waiting(self, port: Any) -> None:
        listening = descriptor(port)
        if listening < 0:
            # The port has no descriptor, or has closed itself: another process shut its socket down.
            return
        poll = select.poll()
        poll.register(listening, select.POLLIN)
        end = self._reactor.seconds() + MOST_SECONDS
        for _ in range(MOST_WAITING):
            if not poll.poll(0):
                return
            if self._reactor.seconds() > end:
                break
            port.doRead()
        log.warn(
            "{listener} stopped accepting, although more peers were waiting",
            listener=self._label,
        )


def check_starts_tls(endpoint: Endpoint, factory: object) -> None:
    """Raise ConfigurationError if the factory never begins TLS: the certificate would be useless."""
    if not getattr(factory, "starts_tls", False):
        raise ConfigurationError(
            f"{shown(str(endpoint))}: this protocol never begins TLS, so everything would be plain text; "
            + (
                "for TLS from the beginning, write ssl: instead of tcp:"
                if endpoint.scheme.startswith("tcp")
                else f"{endpoint.scheme}: takes no certificate here"
            )
        )
