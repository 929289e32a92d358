"""The framer of RELP, as librelp speaks it: messages out, an answer to each command (sans-IO).

    TXNR SP COMMAND SP DATALEN [SP DATA] LF

    command    before `open`    after it
    open       200, our offers  the same
    syslog     the end          200 OK when it is safe
    close      the end, answered with `rsp` and `serverclose`
    other      500, and nothing else happens

Answers carry the number of what they answer, whatever it is. What is no frame ends the connection: nobody
knows where the next one begins.
"""

from __future__ import annotations

import re

from logsrv import __version__
from logsrv.kit.framing.frames import Framer
from logsrv.linelog.framing.lines.records import without_ending
from logsrv.linelog.framing.lines.rules import LineRules, Oversize

MOST_DATA = 16 << 20
"""Bytes that the data of one frame may have; librelp's own limit is 128 KiB."""

OFFERS = b"relp_version=0\nrelp_software=logsrv,%b\ncommands=syslog" % __version__.encode()
HEADER = re.compile(rb"([0-9]{1,9}) ([A-Za-z]{1,32}) ([0-9]{1,9})(?: |(?=\n))")
"""The beginning of a frame: its number, its command, the bytes of its data."""
MAY_BECOME_HEADER = re.compile(
    rb"[0-9]{0,9}\Z|[0-9]{1,9} (?:[A-Za-z]{0,32}|[A-Za-z]{1,32} [0-9]{0,9})\Z"
)
ACKNOWLEDGED = b" rsp 6 200 OK\n"
"""The answer to a message that is safe, behind its number."""
# Behind the frame before it; the numbers are those of the transaction and of the bytes.
_SYSLOG = re.compile(rb"\n([0-9]{1,9}) syslog ([0-9]{1,9}) ")
_FIELDS = 3
_LF = 10
# Below this, frames are gone through one by one.
_WORTH_IT = 1024


class RelpFramer(Framer):
    """The framer of one connection: messages from `receive`, all answers from `take_answer`.

    closed: the peer has said `close`; nothing that follows is looked at.
    oversize: the trouble is a message longer than --max-line.
    """

    __slots__ = ("_answers", "_longest", "_open", "closed", "oversize")

    def __init__(self, rules: LineRules) -> None:
        super().__init__(MOST_DATA)
        self.closed = self.oversize = self._open = False
        # By CLOSE, a message that is too long is neither stored nor acknowledged.
        self._longest = rules.max_line if rules.oversize is Oversize.CLOSE else MOST_DATA
        self._answers: list[bytes] = []

    def take_answer(self) -> bytes:
        """Return the answers, in the order of the commands; each is given once."""
        answers, self._answers = self._answers, []
        return b"".join(answers)

    def _cut(self, data: bytes, frames: list[bytes]) -> int:
        end = len(data)
        many = self._open and self._longest == MOST_DATA and end >= _WORTH_IT
        at = self._cut_many(data, frames) if many else 0
        while at < end and not (self.trouble or self.closed):
            header = HEADER.match(data, at)
            if header is None:
                if not MAY_BECOME_HEADER.match(data, at):
                    self.trouble = "what begins here is no RELP frame"
                self._wanted = 0
                return at
            length = int(header[3])
            if length > MOST_DATA:
                self.trouble = f"a frame of {length} bytes is longer than {MOST_DATA} bytes"
                return at
            stop = header.end() + length
            if stop >= end:
                self._wanted = stop + 1 - at
                return at
            if data[stop] != _LF:
                self.trouble = "there is no newline behind a RELP frame"
                return at
            self._command(header[1], header[2], data[header.end() : stop], frames)
            at = stop + 1
        return end

    def _cut_many(self, data: bytes, frames: list[bytes]) -> int:
        """Take `syslog` frames, all but the last, from the beginning on; return where they end.

        All that looks like a header is found at once. As long as each of them begins right where the
        data of the one before end, that was the way to go.
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

    def _command(self, number: bytes, command: bytes, data: bytes, frames: list[bytes]) -> None:
        answers = self._answers
        if command == b"syslog":
            if not self._open:
                self.trouble = "the peer sent a message before it opened the session"
                return
            message = without_ending(data)
            if len(message) > self._longest:
                self.oversize = True
                self.trouble = f"a message is longer than {self._longest} bytes"
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
            answers.append(_response(number, b"500 there is no such command"))


def _response(number: bytes, data: bytes) -> bytes:
    return b"%b rsp %d %b\n" % (number, len(data), data)
