"""Sessions inside SSH: each has a channel, which is its transport, and perhaps a terminal.

A session is a shell with a terminal, a shell without one (`ssh -T`), or a single command. While a session
takes no input, its channel's window is not opened again, so its client cannot send more. Lines that are
typed on a terminal go through Conch's line editing: keys in, lines and echo out.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.conch.error import ConchError
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.recvline import HistoricRecvLine
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import OPEN_RESOURCE_SHORTAGE, SSHConnection
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from logsrv.kit.connections.source import host_text
from logsrv.kit.inspect.session import Session, SocketServer

MOST_TYPED = 2000
MOST_REMEMBERED = 100
# The most bytes of an unfinished key that are kept from one call to the next.
LONGEST_KEY = 16
BELL = b"\a"
# ECMA-48 ICH. Conch's insert mode would stay in the operator's terminal if the connection breaks.
INSERT_BLANK = b"\x1b[@"
# The most sessions of one client at a time; one more is refused.
MOST_CHANNELS = 8
# The most bytes that wait for a client that types and does not read; then its session ends.
MOST_UNREAD = 1024 * 1024
EXIT_0 = bytes(4)


def _log_failures_only(event: LogEvent) -> None:
    """Log only unexpected failures. Conch would log each step of each client, with text from the client."""
    failure = event.get("log_failure")
    if failure is not None and not failure.check(ConchError):
        globalLogPublisher(event)


QUIET = Logger("twisted.conch", observer=implementer(ILogObserver)(_log_failures_only))


class SessionChannel(SSHChannel):
    """A channel of SSH, and the transport of the session in it.

    paused: its session takes no input now. Its window is not opened again, so the client cannot send more.
    """

    name = b"session"
    # The SSHChannels object; None after the end.
    conn: Any
    _log = QUIET
    paused = False
    _session: Session | None = None
    _editor: LineEditor | None = None
    _producer: IPushProducer | None = None
    _ended = False

    def __init__(self, server: SocketServer, **about: Any) -> None:
        super().__init__(**about)
        self._server = server

    # Requests of the client (RFC 4254, section 6).

    def request_pty_req(self, data: bytes) -> int:
        self._editor = LineEditor()
        return 1

    def request_shell(self, data: bytes) -> int:
        return self._begin_session(once=False)

    def request_exec(self, data: bytes) -> int:
        command, _ = getNS(data)
        begun = self._begin_session(once=True)
        if begun and self._session is not None:
            self._session.dataReceived(command.replace(b"\n", b" ") + b"\n")
            self.eofReceived()
        return begun

    def _begin_session(self, *, once: bool) -> int:
        if self._session is not None:
            return 0
        self._session = session = self._server.buildProtocol(None)
        address = self.conn.transport.transport.getPeer()
        session.known_peer = f"ssh:{host_text(address.host, address.port)}"
        session.once = once
        if self._editor is not None:
            session.ending = "\r\n"
        session.makeConnection(self)
        return 1

    def dataReceived(self, data: bytes) -> None:
        if self._session is None or self._ended:
            return
        if self._editor is not None:
            data, echo = self._editor.receive(data)
            self.write(echo)
            if len(self.buf) > MOST_UNREAD:
                self.abortConnection()
        self._session.dataReceived(data)
        if self._editor is not None and self._editor.ended:
            self.eofReceived()

    def eofReceived(self) -> None:
        self._ended = True
        if self._session is not None:
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

    @property
    def disconnecting(self) -> bool:
        return bool(self.closing)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        used = self.localWindowSize - self.localWindowLeft
        if used > self.localWindowSize // 2:
            self.conn.adjustWindow(self, used)

    def loseConnection(self) -> None:
        if not self.closing:
            self.conn.sendRequest(self, b"exit-status", EXIT_0)
        super().loseConnection()

    def abortConnection(self) -> None:
        self.buf = b""
        self.loseConnection()


class SSHChannels(SSHConnection):
    """The channels of one client."""

    _log = QUIET

    def getChannel(self, *about: Any) -> SSHChannel:
        if len(self.channels) >= MOST_CHANNELS:
            raise ConchError("too many sessions", OPEN_RESOURCE_SHORTAGE)
        channel: SSHChannel = super().getChannel(*about)
        return channel

    def adjustWindow(self, channel: SessionChannel, bytesToAdd: int) -> None:
        if not channel.paused:
            super().adjustWindow(channel, bytesToAdd)


class LineEditor(HistoricRecvLine):
    """The line that is being typed, and the earlier lines. The session writes the prompts.

    ended: true after Ctrl-D on an empty line, which ends the input.
    """

    ps = (b"", b"")

    def __init__(self) -> None:
        self.ended = False
        self._lines: list[bytes] = []
        self._echo = BytesIO()
        self._keys = ServerProtocol(lambda: self)
        self._keys.makeConnection(self._echo)

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
        """Leave the terminal as it is; Conch would clear it."""
        self.mode = "insert"

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Take keys; return the finished lines, each with LF, and the bytes for the terminal.

        A key that takes several bytes may come in pieces.
        """
        self._keys.dataReceived(data)
        if self._keys.state == b"bracket-escaped":
            del self._keys.escBuf[LONGEST_KEY:]
        forgotten = max(0, len(self.historyLines) - MOST_REMEMBERED)
        del self.historyLines[:forgotten]
        self.historyPosition = max(0, self.historyPosition - forgotten)
        lines, echo = b"".join(self._lines), self._echo.getvalue()
        self._lines.clear()
        self._echo.seek(0)
        self._echo.truncate()
        return lines, echo

    def keystrokeReceived(self, keyID: bytes, modifier: object) -> None:
        if keyID in self.keyHandlers:
            self.keyHandlers[keyID]()
        elif len(keyID) == 1 and b" " <= keyID <= b"~":
            self.characterReceived(keyID, False)
        else:
            self.terminal.write(BELL)

    def characterReceived(self, ch: bytes, moreCharactersComing: bool) -> None:
        if len(self.lineBuffer) >= MOST_TYPED:
            self.terminal.write(BELL)
            return
        if self.lineBufferIndex < len(self.lineBuffer):
            self.terminal.write(INSERT_BLANK)
        super().characterReceived(ch, moreCharactersComing)

    def lineReceived(self, line: bytes) -> None:
        if not self.ended:
            self._lines.append(line + b"\n")

    def erase_line(self) -> None:
        self.handle_HOME()
        self.terminal.eraseToLineEnd()
        self.lineBuffer = []

    def end_input(self) -> None:
        if self.lineBuffer:
            self.terminal.write(BELL)
        else:
            self.terminal.nextLine()
            self.ended = True
