"""Sessions over SSH, by Twisted Conch: anyone with one of the keys may log in, with any user name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import IAuthorizedKeysDB, SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import IRealm, Portal
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.inspect.keys import fingerprint
from logsrv.kit.inspect.session import SessionSettings, SocketServer
from logsrv.kit.inspect.ssh_sessions import QUIET, SessionChannel, SSHChannels
from logsrv.kit.inspect.view import Service
from logsrv.kit.net.listen import ServerAndReceiver
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.escape import one_line
from logsrv.timer import Timer

log = Logger()

# The most seconds from the connection to the end of the log-in; then the client is cut off.
LOGIN_SECONDS = 30.0
ATTEMPTS = 6


class SSHLogin(SSHUserAuthServer):
    """A log-in. `SSHTransport` ends one that takes more than LOGIN_SECONDS."""

    attemptsBeforeDisconnect = ATTEMPTS
    _log = QUIET


class SSHTransport(SSHServerTransport):
    """The connection of a client. While the client does not read, we do not read, so nothing piles up."""

    factory: Any
    transport: Any
    # No compression: a compressed packet of 1 MiB could expand to 1 GiB.
    supportedCompressions = [b"none"]
    _log = QUIET
    _login: Timer

    def connectionMade(self) -> None:
        super().connectionMade()
        self._login = Timer(self.factory.clock)
        self._login.start(LOGIN_SECONDS, self._end_unless_logged_in)
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        # Conch raises any error for a malformed packet.
        try:
            super().dataReceived(data)
        except Exception as error:
            self.factory.log_invalid_packet(self.transport.getPeer(), error)
            self.transport.abortConnection()

    def _end_unless_logged_in(self) -> None:
        if not hasattr(self, "avatar"):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        self._login.stop()
        super().connectionLost(reason)


@implementer(IRealm, IAuthorizedKeysDB)
class SSHServer(ServerAndReceiver, SSHFactory):
    """The server of a site for sessions over SSH; anyone with one of the keys may log in.

    An operator may open sessions, and nothing else: no forwarding, no files.
    """

    noisy = False
    protocol = SSHTransport
    services = {b"ssh-userauth": SSHLogin, b"ssh-connection": SSHChannels}
    _log = QUIET

    def __init__(
        self,
        service: Service,
        label: str,
        rules: SessionSettings,
        metrics: MetricsPart,
        host_key: Key,
    ) -> None:
        self.clock = service.clock
        self._sessions = SocketServer(service, label, rules, metrics)
        self._keys: Sequence[Key] = rules.keys
        self.portal = Portal(self, [SSHPublicKeyChecker(self)])
        kind = host_key.sshType()
        self.publicKeys = {kind: host_key.public()}
        self.privateKeys = {kind: host_key}
        self._label = label
        self._complaints = RateLimitedLog(service.clock.seconds)
        log.info("{listener}: the host key is {key}", listener=label, key=fingerprint(host_key))

    def getAuthorizedKeys(self, user: bytes) -> Sequence[Key]:
        return self._keys

    def requestAvatar(self, user: bytes | tuple[()], mind: object, *interfaces: object) -> Any:
        name = one_line(bytes(user).decode("utf-8", "replace"), 100)
        log.info("{listener}: {name} has logged in", listener=self._label, name=name)
        operator = ConchUser()
        operator.channelLookup[b"session"] = partial(SessionChannel, self._sessions)
        return IConchUser, operator, lambda: None

    def log_invalid_packet(self, peer: Any, error: Exception) -> None:
        """Log that a client has sent an invalid packet, once per host and minute."""
        self._complaints.log_unless_recent(
            log.warn,
            peer.host,
            "{listener} cut off {subject}: it sent an invalid SSH packet ({error})",
            listener=self._label,
            error=one_line(f"{type(error).__name__}: {error}", 200),
        )

    def apply(self, settings: SessionSettings) -> None:
        """Use other rules for new log-ins; sessions stay."""
        self._keys = settings.keys
        self._sessions.apply(settings)

    def close(self) -> None:
        self._sessions.close()
