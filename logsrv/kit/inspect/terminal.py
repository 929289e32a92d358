"""Lines typed on a terminal over SSH, by Conch's line editing: keys in, lines and echo out. No I/O."""

from __future__ import annotations

from io import BytesIO

from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.recvline import HistoricRecvLine

MOST_TYPED = 2000
MOST_REMEMBERED = 100
# The most bytes of an unfinished key that are kept from one call to the next.
LONGEST_KEY = 16
BELL = b"\a"
# ECMA-48 ICH. Conch's insert mode would stay in the operator's terminal if the connection breaks.
INSERT_BLANK = b"\x1b[@"


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
