"""Sessions over SSH, by Twisted Conch: anyone with one of the keys may log in, with any user name.

`ssh HOST COMMAND` answers one command. `ssh HOST` has a terminal: Conch's line editing, with a history.
There is nothing else: no forwarding, no files, no session without a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import IAuthorizedKeysDB, SSHPublicKeyChecker
from twisted.conch.error import ConchError
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import IConchUser
from twisted.conch.recvline import HistoricRecvLine
from twisted.conch.ssh import channel, common, connection, factory, transport, userauth
from twisted.conch.ssh.keys import FingerprintFormats, Key
from twisted.cred.portal import IRealm, Portal
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import source_of
from logsrv.kit.inspect._session import Console, SessionSettings
from logsrv.kit.inspect._view import Service, ServiceView
from logsrv.kit.net.listen import ServerAndReceiver
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.options.files import create_file, read_file
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown

log = Logger()

# The most seconds from the connection to the end of the log-in; then the client is cut off.
LOGIN_SECONDS = 30.0
LARGEST_FILE = 256 * 1024
OTHERS = 0o077
MOST_TYPED = 2000
MOST_REMEMBERED = 100
# The most bytes of an unfinished key that are kept from one call to the next.
LONGEST_KEY = 16
# The bytes that wait for a client that does not read, from which on its keys are ignored.
MOST_UNREAD = 1024 * 1024
# ECMA-48 ICH. Conch's insert mode would stay in the operator's terminal if the connection breaks.
INSERT_BLANK = b"\x1b[@"
NO_TERMINAL = b"a session needs a terminal: ssh -tt HOST; ssh HOST COMMAND answers one command\n"


def _log_failures_only(event: LogEvent) -> None:
    """Log only unexpected failures. Conch would log each step of each client, with text from the client."""
    failure = event.get("log_failure")
    if failure is not None and not failure.check(ConchError):
        globalLogPublisher(event)


QUIET = Logger("twisted.conch", observer=implementer(ILogObserver)(_log_failures_only))


def authorized_keys(path: Path) -> tuple[Key, ...]:
    """Return the public keys in a file like OpenSSH's authorized_keys: one key a line.

    Raises ConfigurationError. It refuses options before a key, because it would not obey them.
    """
    where = f"--inspect ssh: keys={shown(str(path))}"
    try:
        lines = read_file(path, LARGEST_FILE).splitlines()
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    found = tuple(
        _parse_key(line, f"{where}: line {number} is no public key without options", public=True)
        for number, line in enumerate(map(bytes.strip, lines), 1)
        if line and not line.startswith(b"#")
    )
    if not found:
        raise ConfigurationError(f"{where} has no key in it")
    return found


def host_key(path: Path) -> Key:
    """Return the private key in a file. A missing file is created, readable only by its user.

    Raises ConfigurationError.
    """
    where = f"--inspect ssh: hostKey={shown(str(path))}"
    try:
        if not path.exists():
            create_file(path, Key(Ed25519PrivateKey.generate()).toString("openssh"), 0o600)
        text, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be made or read: {error.strerror}") from None
    if mode & OTHERS:
        raise ConfigurationError(f"{where} could be read by others: chmod 600 it")
    return _parse_key(text, f"{where} is no private key without a passphrase", public=False)


def _parse_key(text: bytes, refusal: str, *, public: bool) -> Key:
    with suppress(Exception):  # Conch raises any error for what is no key.
        key: Key = Key.fromString(text)
        if key.isPublic() == public:
            return key
    raise ConfigurationError(refusal)


class SSHLogin(userauth.SSHUserAuthServer):
    """A log-in. `SSHTransport` ends one that takes more than LOGIN_SECONDS."""

    attemptsBeforeDisconnect = 6
    _log = QUIET


class SSHChannels(connection.SSHConnection):
    """The channels of one client."""

    _log = QUIET


class SSHTransport(transport.SSHServerTransport):
    """The connection of a client. While the client does not read, we do not read, so nothing piles up."""

    factory: Any
    transport: Any
    # No compression: a compressed packet of 1 MiB could expand to 1 GiB.
    supportedCompressions = [b"none"]
    _log = QUIET

    def connectionMade(self) -> None:
        super().connectionMade()
        self._login = self.factory.clock.callLater(LOGIN_SECONDS, self._end_unless_logged_in)
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        try:
            super().dataReceived(data)
        except Exception as error:  # Conch raises any error for a malformed packet.
            # Once a minute for each host.
            self.factory.complaints.log_unless_recent(
                log.warn,
                self.transport.getPeer().host,
                "{listener} cut off {subject}: it sent an invalid SSH packet ({error})",
                listener=self.factory.label,
                error=one_line(f"{type(error).__name__}: {error}", 200),
            )
            self.transport.abortConnection()

    def _end_unless_logged_in(self) -> None:
        if not hasattr(self, "avatar"):
            self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        if self._login.active():
            self._login.cancel()
        super().connectionLost(reason)


@implementer(IRealm, IAuthorizedKeysDB)
class SSHServer(ServerAndReceiver, factory.SSHFactory):
    """The server of a site for sessions over SSH; anyone with one of the keys may log in."""

    noisy = False
    protocol = SSHTransport
    services = {b"ssh-userauth": SSHLogin, b"ssh-connection": SSHChannels}
    _log = QUIET

    def __init__(self, service: Service, label: str, settings: SessionSettings, key: Key) -> None:
        """`key`: the server's private key."""
        self.clock = service.clock
        self.apply(settings)
        self.view = ServiceView(service)
        self.portal = Portal(self, [SSHPublicKeyChecker(self)])
        self.publicKeys = {key.sshType(): key.public()}
        self.privateKeys = {key.sshType(): key}
        self.label = label
        self.complaints = RateLimitedLog(service.clock.seconds)
        fingerprint = key.fingerprint(FingerprintFormats.SHA256_BASE64).rstrip("=")
        log.info("{listener}: the host key is SHA256:{key}", listener=label, key=fingerprint)

    def getAuthorizedKeys(self, user: bytes) -> Sequence[Key]:
        return self.settings.keys

    def requestAvatar(self, user: bytes | tuple[()], mind: object, *interfaces: object) -> Any:
        name = one_line(bytes(user).decode("utf-8", "replace"), 100)
        log.info("{listener}: {name} has logged in", listener=self.label, name=name)
        operator = ConchUser()
        operator.channelLookup[b"session"] = lambda **about: SessionChannel(self, **about)
        return IConchUser, operator, lambda: None

    def apply(self, settings: SessionSettings) -> None:
        """Use other rules for new log-ins; sessions stay."""
        self.settings = settings

    def close(self) -> None:
        """Do nothing: the listener closes the connections."""


class SessionChannel(channel.SSHChannel):
    """A channel of SSH for one session or one command (RFC 4254, section 6).

    keys: the client's terminal; None before a session begins.
    """

    name = b"session"
    conn: Any
    _log = QUIET
    _has_terminal = False
    keys: ServerProtocol | None = None

    def __init__(self, server: SSHServer, **about: Any) -> None:
        super().__init__(**about)
        self._server = server

    def request_pty_req(self, data: bytes) -> int:
        self._has_terminal = True
        return 1

    def request_shell(self, data: bytes) -> int:
        if self._has_terminal:
            self.keys = ServerProtocol(lambda: LineEditor(self._new_console(), self))
            self.keys.makeConnection(self)
        else:
            self.writeExtended(connection.EXTENDED_DATA_STDERR, NO_TERMINAL)
            self.end(1)
        return 1

    def request_exec(self, data: bytes) -> int:
        command = common.getNS(data)[0].decode("utf-8", "replace").replace("\n", " ")
        ending = "\r\n" if self._has_terminal else "\n"
        self.write(
            "".join(line + ending for line in self._new_console().run_line(command)).encode()
        )
        self.end(0)
        return 1

    def _new_console(self) -> Console:
        peer = source_of(self.conn.transport.transport)
        return Console(self._server.view, self._server.settings, peer)

    def dataReceived(self, data: bytes) -> None:
        if self.keys is not None:
            self.keys.dataReceived(data)
            if self.keys.state == b"bracket-escaped":
                del self.keys.escBuf[LONGEST_KEY:]

    def end(self, status: int) -> None:
        """Close the channel after its output."""
        self.conn.sendRequest(self, b"exit-status", status.to_bytes(4, "big"))
        # Not at once: the client's request is confirmed first.
        self._server.clock.callLater(0, self.loseConnection)


class LineEditor(HistoricRecvLine):
    """The line that is being typed, the earlier lines, and their answers."""

    def __init__(self, console: Console, channel: SessionChannel) -> None:
        self.console = console
        self._channel = channel

    def connectionMade(self) -> None:
        super().connectionMade()
        del self.keyHandlers[self.terminal.INSERT], self.keyHandlers[self.terminal.TAB]
        self.keyHandlers |= {
            b"\x01": self.handle_HOME,
            b"\x03": self.erase_line,
            b"\x04": self.end_input,
            b"\x05": self.handle_END,
            b"\b": self.handle_BACKSPACE,
            b"\x15": self.erase_line,
        }

    def initializeScreen(self) -> None:
        """Greet, and leave the terminal as it is; Conch would clear it."""
        self.mode = "insert"
        self._show(self.console.greeting, self.console.prompt)

    def keystrokeReceived(self, keyID: bytes, modifier: object) -> None:
        if len(self._channel.buf) > MOST_UNREAD or self.console.ended:
            return
        if keyID in self.keyHandlers:
            self.keyHandlers[keyID]()
        elif len(keyID) == 1 and b" " <= keyID <= b"~" and len(self.lineBuffer) < MOST_TYPED:
            self.characterReceived(keyID, False)
        del self.historyLines[:-MOST_REMEMBERED]
        self.historyPosition = min(self.historyPosition, len(self.historyLines))

    def characterReceived(self, ch: bytes, moreCharactersComing: bool) -> None:
        if self.lineBufferIndex < len(self.lineBuffer):
            self.terminal.write(INSERT_BLANK)
        super().characterReceived(ch, moreCharactersComing)

    def lineReceived(self, line: bytes) -> None:
        self._show(*self.console.run_line(line.decode()), self.console.prompt)
        if self.console.ended:
            self._channel.end(0)

    def _show(self, *lines: str) -> None:
        self.terminal.write("\n".join(lines).encode())

    def erase_line(self) -> None:
        self.handle_HOME()
        self.terminal.eraseToLineEnd()
        self.lineBuffer = []

    def end_input(self) -> None:
        if not self.lineBuffer:
            self.console.ended = True
            self.terminal.nextLine()
            self._channel.end(0)
