"""A parser without I/O that removes Telnet commands from a stream of bytes, and refuses them (RFC 854, 855,
1143).

The rules, by what follows IAC (0xFF):

    IAC             one data byte 0xFF
    WILL x, DO x    refused: DONT x, WONT x
    WONT x, DONT x  swallowed: all options are off here already (RFC 1143, state NO), so no loops
    SB x ... IAC SE swallowed
    AYT             swallowed, and answered with a line that a person can see
    236 to 249      swallowed: NOP, BRK, GA and the like mean nothing to a server that only listens
    anything else   not Telnet but, say, a Latin-1 "ÿ": both bytes are data

The result depends on the bytes alone, not on how they were split. An IAC SB that cannot begin a
subnegotiation is data too, so a stray pair of bytes never swallows the bytes after it.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from logsrv.kit.framing._telnet_commands import (
    FEW_BYTES,
    IAC_NUMBER,
    parse_few_telnet_commands,
)

MAX_ANSWERS = 64 * 1024
"""The most bytes of answers that wait for `take_answers`. Commands beyond that stay unanswered."""

# Bytes. Without NumPy, longer chunks are parsed in such pieces, so that MAX_ANSWERS cuts off only the last.
_PIECE = 4096


@cache
def has_numpy() -> bool:
    """Return whether NumPy is installed: `logsrv` needs it, `logsrv-kit` alone does not."""
    return find_spec("numpy") is not None


class TelnetFilter:
    """A filter for the bytes of one connection: it removes the Telnet commands, and collects the answers to
    them.

    presence: the answer to AYT ("are you there?").
    swallowed: the number of received bytes that were Telnet commands, and so are not returned.
    """

    __slots__ = ("_answers", "_presence", "_unfinished", "swallowed")

    def __init__(self, presence: bytes = b"\r\n[yes]\r\n") -> None:
        self._presence = presence
        self._unfinished = b""
        self._answers = b""
        self.swallowed = 0

    @property
    def answering(self) -> bool:
        """Return whether there are answers that `take_answers` has not returned yet."""
        return bool(self._answers)

    def receive(self, data: bytes) -> bytes:
        """Return the bytes of `data` that are data, without the Telnet commands. An unfinished command at
        its end waits for the rest.
        """
        if self._unfinished:
            data = self._unfinished + data
            self._unfinished = b""
        if IAC_NUMBER not in data:
            return data
        size = len(data)
        if size <= FEW_BYTES or not has_numpy():
            found = b""
            for at in range(0, size, _PIECE):
                piece = self._unfinished + data[at : at + _PIECE]
                kept, self._unfinished, answers = parse_few_telnet_commands(piece, self._presence)
                self.swallowed += len(piece) - len(kept) - len(self._unfinished)
                if len(self._answers) + len(answers) <= MAX_ANSWERS:
                    self._answers += answers
                found += kept
            return found
        # Only here, because NumPy takes a tenth of a second to load and most peers speak no Telnet.
        from logsrv.kit.framing._telnet_bulk import parse_telnet_commands

        parsed = parse_telnet_commands(data)
        self._unfinished = parsed.unfinished
        self.swallowed += size - len(parsed.data) - len(parsed.unfinished)
        if len(parsed.asked):
            self._answers += parsed.answers(self._presence, MAX_ANSWERS - len(self._answers))
        return parsed.data

    def finish(self) -> bytes:
        """Return the bytes of a command that is unfinished when the connection ends: these bytes count as
        data.
        """
        rest, self._unfinished = self._unfinished, b""
        return rest

    def take_answers(self) -> bytes:
        """Return the answers to send to the peer, and forget them."""
        answers, self._answers = self._answers, b""
        return answers
