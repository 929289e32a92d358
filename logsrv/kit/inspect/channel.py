"""Sessions inside SSH: each has a channel, which is its transport.

A session is a shell with a terminal, a shell without one (`ssh -T`), or a single command. While a session
takes no input, its channel's window is not opened again, so its client cannot send more.
"""

from __future__ import annotations

from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.error import ConchError
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import SSHConnection
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from logsrv.kit.inspect.session import Session, SocketServer
from logsrv.kit.inspect.typing import LineEditor
from logsrv.kit.net.source import host_text

EXIT_0 = bytes(4)
# The most sessions of one client at a time; one more is refused.
MOST_CHANNELS = 8


def _log_failures_only(event: LogEvent) -> None:
    """Log only unexpected failures. Conch would log each step of each client, with text from the client."""
    failure = event.get("log_failure")
    if failure is not None and not failure.check(ConchError):
        globalLogPublisher(event)


QUIET = Logger("twisted.conch", observer=implementer(ILogObserver)(_log_failures_only))


class SessionChannel(SSHChannel):
    """A channel of SSH, and the transport of the session in it."""

    name = b"session"
    avatar: OperatorAvatar  # type: ignore[assignment]
    # The SSHChannels object; None after the end.
    conn: Any
    _log = QUIET
    held = False
    disconnecting = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session: Session | None = None
        self._typing: LineEditor | None = None
        self._late = b""
        self._producer: IPushProducer | None = None
        self._ended = False

    # Requests of the client (RFC 4254, section 6).

    def request_pty_req(self, data: bytes) -> int:
        self._typing = LineEditor()
        return 1

    def request_window_change(self, data: bytes) -> int:
        return 1

    def request_shell(self, data: bytes) -> int:
        return self._begin_session(once=False)

    def request_exec(self, data: bytes) -> int:
        command, _ = getNS(data)
        if not self._begin_session(once=True):
            return 0
        self._deliver_or_keep(command.replace(b"\n", b" ") + b"\n")
        self.eofReceived()
        return 1

    def _begin_session(self, *, once: bool) -> int:
        if self._session is not None:
            return 0
        self._session = session = self.avatar.server.buildProtocol(None)
        address = self.conn.transport.transport.getPeer()
        session.known_peer = f"ssh:{host_text(address.host, address.port)}"
        session.once = once
        session.makeConnection(self)
        return 1

    def dataReceived(self, data: bytes) -> None:
        if self._session is None or self._ended:
            return
        if self._typing is None:
            self._deliver_or_keep(data)
            return
        typed = self._typing.receive(data)
        SSHChannel.write(self, typed.echo)
        if typed.lines:
            self._deliver_or_keep(typed.lines)
        if typed.ended:
            self.eofReceived()

    def _deliver_or_keep(self, data: bytes) -> None:
        if self.held:
            self._late += data
        elif self._session is not None:
            self._session.dataReceived(data)

    def eofReceived(self) -> None:
        self._ended = True
        if not self.held and self._session is not None:
            self._session.readConnectionLost()

    def closed(self) -> None:
        session, self._session = self._session, None
        self._producer = None
        if session is not None:
            session.connectionLost(connectionDone)

    def stopWriting(self) -> None:
        """Pause the session: the client's window is full."""
        if self._producer is not None:
            self._producer.pauseProducing()

    def startWriting(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    # The transport of the session.

    def write(self, data: bytes) -> None:
        if not self.localClosed:
            shown = data if self._typing is None else data.replace(b"\n", b"\r\n")
            super().write(shown)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self.held = True

    def resumeProducing(self) -> None:
        self.held = False
        late, self._late = self._late, b""
        if late:
            self._deliver_or_keep(late)
        if self._ended and not self.held and self._session is not None:
            self._session.readConnectionLost()
        self.conn.open_window(self)

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            if self._session is not None:
                self.conn.sendRequest(self, b"exit-status", EXIT_0)
        super().loseConnection()

    def abortConnection(self) -> None:
        self.buf = b""
        self.loseConnection()


class OperatorAvatar(ConchUser):
    """The rights of a logged-in operator: to open sessions, and nothing else (no forwarding, no files)."""

    def __init__(self, server: SocketServer) -> None:
        super().__init__()
        self.server = server
        self.channelLookup = {b"session": SessionChannel}


class SSHChannels(SSHConnection):
    """The channels of one client. A channel's window stays closed while its session takes no input."""

    _log = QUIET

    def getChannel(
        self, channelType: bytes, windowSize: int, maxPacket: int, data: bytes
    ) -> SSHChannel:
        if len(self.channels) >= MOST_CHANNELS:
            # No such type is known, so Conch refuses the channel.
            channelType = b"one too many"
        channel: SSHChannel = super().getChannel(channelType, windowSize, maxPacket, data)
        return channel

    def adjustWindow(self, channel: SessionChannel, bytesToAdd: int) -> None:
        if not channel.held:
            super().adjustWindow(channel, bytesToAdd)

    def open_window(self, channel: SessionChannel) -> None:
        """Open the window of a channel again, if more than half of it is used."""
        used = channel.localWindowSize - channel.localWindowLeft
        if channel in self.channelsToRemoteChannel and used > channel.localWindowSize // 2:
            self.adjustWindow(channel, used)
