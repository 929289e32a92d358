"""Telnet's commands, taken out of a stream of bytes and refused (RFC 854, 855, 1143); sans-IO.

The rules, by what follows IAC (0xFF):

    IAC             one data byte 0xFF
    WILL x, DO x    refused: DONT x, WONT x
    WONT x, DONT x  swallowed: all options are off here already (RFC 1143, state NO), so no loops
    SB x ... IAC SE swallowed
    AYT             swallowed, and answered with a line a person can see
    236 to 249      swallowed: NOP, BRK, GA and the like mean nothing to a server that only listens
    anything else   no Telnet but, say, a Latin-1 "ÿ": both bytes are data

All is decided by the bytes alone, not by how they were cut. An IAC SB that begins no possible
subnegotiation is data too, so a stray pair of bytes never swallows what follows it.
"""

from __future__ import annotations

IAC = 255
DONT, DO, WONT, WILL, SB = 254, 253, 252, 251, 250
AYT, SE = 246, 240
FIRST_COMMAND = 236
NAWS = 31

MAX_SUBNEGOTIATION = 1024
"""Bytes between the option and IAC SE, as sent. What is longer was no Telnet."""

MAX_NAWS = 8
"""Two 16-bit numbers, each byte doubled at worst (RFC 1073)."""

MAX_ANSWERS = 64 * 1024
"""Bytes of answers kept for `take_answers`. What comes on top of that stays unanswered."""

_IAC = b"\xff"
_REFUSALS = {WILL: DONT, DO: WONT}
_UNFINISHED = -1
_DATA = 0


class TelnetFilter:
    """One connection's bytes without Telnet's commands, and the answers to those.

    presence: what AYT ("are you there?") is answered with.
    swallowed: how many bytes of all that was received were Telnet's own, and so are not returned.
    """

    __slots__ = ("_answers", "_presence", "_unfinished", "swallowed")

    def __init__(self, presence: bytes = b"\r\n[yes]\r\n") -> None:
        self._presence = presence
        self._unfinished = b""
        self._answers = bytearray()
        self.swallowed = 0

    @property
    def unfinished(self) -> bool:
        """Whether the bytes so far end within a command."""
        return bool(self._unfinished)

    def receive(self, data: bytes) -> bytes:
        """The data bytes in `data`; the beginning of a command at its end waits for the rest."""
        if self._unfinished:
            data = self._unfinished + data
            self._unfinished = b""
        at = data.find(_IAC)
        if at < 0:
            return data
        kept = []
        done = 0
        while at >= 0:
            length = _command_length(data, at)
            if length == _UNFINISHED:
                self._unfinished = data[at:]
                kept.append(data[done:at])
                return b"".join(kept)
            if length == _DATA:
                at = data.find(_IAC, at + 2)
                continue
            if data[at + 1] == IAC:
                kept.append(data[done : at + 1])
                self.swallowed += 1
            else:
                kept.append(data[done:at])
                self.swallowed += length
                self._answer(data, at)
            done = at + length
            at = data.find(_IAC, done)
        kept.append(data[done:])
        return b"".join(kept)

    def finish(self) -> bytes:
        """The connection has ended: the bytes of a command that never did, which makes them data."""
        rest, self._unfinished = self._unfinished, b""
        return rest

    def take_answers(self) -> bytes:
        """What is to be sent to the peer now; each answer is given once."""
        if not self._answers:
            return b""
        answers = bytes(self._answers)
        self._answers = bytearray()
        return answers

    def _answer(self, data: bytes, at: int) -> None:
        command = data[at + 1]
        if command == AYT:
            answer = self._presence
        elif command in _REFUSALS:
            answer = bytes((IAC, _REFUSALS[command], data[at + 2]))
        else:
            return
        if len(self._answers) + len(answer) <= MAX_ANSWERS:
            self._answers += answer


def _command_length(data: bytes, at: int) -> int:
    """How many bytes the command at data[at] has, or _DATA, or _UNFINISHED."""
    if at + 1 == len(data):
        return _UNFINISHED
    command = data[at + 1]
    if command < FIRST_COMMAND:
        return _DATA
    if command == SB:
        return _subnegotiation_length(data, at)
    if WILL <= command <= DONT:
        return 3 if at + 2 < len(data) else _UNFINISHED
    return 2


def _subnegotiation_length(data: bytes, at: int) -> int:
    """The same for the IAC SB at data[at]."""
    if at + 2 == len(data):
        return _UNFINISHED
    # An LF says that this is text with a Latin-1 "ÿú" in it; only a window has numbers that may be 10.
    window = data[at + 2] == NAWS
    limit = MAX_NAWS if window else MAX_SUBNEGOTIATION
    # IAC IAC is a byte of the value. Hiding those pairs leaves the IAC that ends it, where it is.
    value = data[at + 3 : at + 3 + limit + 2].replace(b"\xff\xff", b"\0\0")
    end = value.find(_IAC)
    if not window and b"\n" in (value if end < 0 else value[:end]):
        return _DATA
    if end < 0:
        return _DATA if len(value) > limit else _UNFINISHED
    if end > limit:
        return _DATA
    if end + 1 == len(value):
        return _UNFINISHED
    return 3 + end + 2 if value[end + 1] == SE else _DATA
