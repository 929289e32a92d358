"""The framer of RELP, as librelp speaks it: messages out, an answer to each command (sans-IO).

    TXNR SP COMMAND SP DATALEN [SP DATA] LF

    command    before `open`    after it
    open       200, our offers  the same
    syslog     the end          200 OK when it is safe
    close      the end, answered with `rsp` and `serverclose`
    other      500, and nothing else happens

An answer repeats the transaction number of its command. An invalid frame ends the connection, because
the start of the next frame is unknown.
"""

from __future__ import annotations

import re

from logsrv import __version__
from logsrv.kit.framing.frames import Framer
from logsrv.linelog.lines.records import without_ending
from logsrv.linelog.lines.rules import LineRules, Oversize

MOST_DATA = 16 << 20
"""Longest data of one frame, in bytes; librelp's own limit is 128 KiB."""

OFFERS = b"relp_version=0\nrelp_software=logsrv,%b\ncommands=syslog" % __version__.encode()
HEADER = re.compile(rb"([0-9]{1,9}) ([A-Za-z]{1,32}) ([0-9]{1,9})(?: |(?=\n))")
"""The header of a frame: transaction number, command, length of the data in bytes."""
MAY_BECOME_HEADER = re.compile(
    rb"[0-9]{0,9}\Z|[0-9]{1,9} (?:[A-Za-z]{0,32}|[A-Za-z]{1,32} [0-9]{0,9})\Z"
)
ACKNOWLEDGED = b" rsp 6 200 OK\n"
"""The answer to a safe message; its transaction number goes in front."""
# The LF of the previous frame, then a header; the groups are the transaction number and the length.
_SYSLOG = re.compile(rb"\n([0-9]{1,9}) syslog ([0-9]{1,9}) ")
_FIELDS = 3
_LF = 10
# Shorter chunks are split frame by frame.
_WORTH_IT = 1024


class RelpFramer(Framer):
    """The framer of one connection: `receive` returns messages, `take_answers` the answers.

    closed: the peer sent `close`; later bytes are ignored.
    unknown: number of commands answered with 500, since the caller set it to 0.
    oversize: `fault` is set because a message is longer than --max-line.
    """

    __slots__ = ("_answers", "_longest", "_open", "closed", "oversize", "unknown")

    def __init__(self, rules: LineRules) -> None:
        super().__init__(MOST_DATA)
        self.closed = self.oversize = self._open = False
        self.unknown = 0
        # With CLOSE, a message that is too long is neither stored nor acknowledged.
        self._longest = rules.max_line if rules.oversize is Oversize.CLOSE else MOST_DATA
        self._answers: list[bytes] = []

    def take_answers(self) -> bytes:
        """Return the answers since the last call, in the order of the commands."""
        answers, self._answers = self._answers, []
        return b"".join(answers)

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        end = len(data)
        many = self._open and self._longest == MOST_DATA and end >= _WORTH_IT
        at = self._cut_syslog_frames(data, frames) if many else 0
        while at < end and not (self.fault or self.closed):
            header = HEADER.match(data, at)
            if header is None:
                if not MAY_BECOME_HEADER.match(data, at):
                    self.fault = "it sent an invalid RELP frame"
                self._wanted = 0
                return at
            length = int(header[3])
            if length > MOST_DATA:
                self.fault = f"a frame of {length} bytes is longer than {MOST_DATA} bytes"
                return at
            stop = header.end() + length
            if stop >= end:
                self._wanted = stop + 1 - at
                return at
            if data[stop] != _LF:
                self.fault = "it sent a RELP frame without a newline at the end"
                return at
            self._handle_command(header[1], header[2], data[header.end() : stop], frames)
            at = stop + 1
        return end

    def _cut_syslog_frames(self, data: bytes, frames: list[bytes]) -> int:
        """Take the `syslog` frames at the beginning of `data`, except the last; return where they end.

        Finds everything that looks like a header at once, and accepts the frames up to the first one whose
        length does not lead to the next header.
        """
        found = _SYSLOG.split(b"\n" + data)
        if found[0]:
            return 0
        numbers, lengths, texts = found[1:-_FIELDS:3], found[2:-_FIELDS:3], found[3:-_FIELDS:3]
        sizes = list(map(len, texts))
        if sizes != list(map(int, lengths)):
            right = 0
            while sizes[right] == int(lengths[right]):
                right += 1
            del numbers[right:], lengths[right:], texts[right:], sizes[right:]
        if not numbers:
            return 0
        frames += map(without_ending, texts)
        self._answers += ACKNOWLEDGED.join(numbers), ACKNOWLEDGED
        framing = len(" syslog  \n") * len(numbers)
        return sum(sizes) + sum(map(len, numbers)) + sum(map(len, lengths)) + framing

    def _handle_command(
        self, number: bytes, command: bytes, data: bytes, frames: list[bytes]
    ) -> None:
        answers = self._answers
        if command == b"syslog":
            if not self._open:
                self.fault = "the peer sent a message before it opened the session"
                return
            message = without_ending(data)
            if len(message) > self._longest:
                self.oversize = True
                self.fault = f"a message is longer than {self._longest} bytes"
                return
            frames.append(message)
            answers += number, ACKNOWLEDGED
        elif command == b"open":
            self._open = True
            answers.append(_response(number, b"200 OK\n" + OFFERS))
        elif command == b"close":
            self.closed = True
            answers += number, b" rsp 0\n0 serverclose 0\n"
        else:
            self.unknown += 1
            answers.append(_response(number, b"500 there is no such command"))


def _response(number: bytes, data: bytes) -> bytes:
    return b"%b rsp %d %b\n" % (number, len(data), data)
