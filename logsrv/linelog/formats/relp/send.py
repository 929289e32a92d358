"""The client's side of a RELP session, as librelp speaks it: commands out, answers in, no socket.

    state     we send       we receive                next state
    CLOSED    open          200, offers `syslog`      OPEN
    OPEN      syslog        200: stored               OPEN
                            500: refused for good     OPEN
    OPEN      close         rsp, `serverclose`        OVER
    any       –             `serverclose`, or any     OVER
                            other frame

An answer carries the number of its command; answers may come in any order.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from logsrv.kit.text.words import shown
from logsrv.linelog.formats.relp.parse import ACKNOWLEDGED, HEADER, MAY_BECOME_HEADER, OFFERS

_LAST_NUMBER = 999_999_999
_LARGEST_ANSWER = 128 << 10
_LF = 10


class RelpState(enum.Enum):
    """The state of a session."""

    CLOSED = enum.auto()
    OPEN = enum.auto()
    OVER = enum.auto()


class RelpSession:
    """A RELP session.

    trouble: why it ended; "" before that. message_count: the number of messages so far. refused: the
    server's answers to messages that it will never take, by the number of the message, counted from 0.
    """

    def __init__(self, number: int = 0) -> None:
        """number: the number of the frame before the first one."""
        self.state = RelpState.CLOSED
        self.trouble = ""
        self.refused: dict[int, str] = {}
        self.message_count = 0
        self._number = number
        self._held = b""
        # The frame numbers of messages, in order. From index `_at` on, only `_early` has answered ones.
        self._numbers: list[bytes] = []
        self._at = 0
        self._early: set[bytes] = set()

    @property
    def unanswered_count(self) -> int:
        """The number of messages without an answer."""
        return len(self._numbers) - self._at - len(self._early)

    @property
    def first_unanswered(self) -> int:
        """The number of the first message without an answer, counted from 0."""
        return self.message_count - (len(self._numbers) - self._at)

    def open_command(self) -> bytes:
        return self._make_frame(b"open", OFFERS)

    def frame_messages(self, messages: Sequence[bytes]) -> bytes:
        """Return the frames of more messages."""
        first = self._number + 1
        if first + len(messages) > _LAST_NUMBER:
            # Numbers begin at 1 again: the messages that had low numbers before were answered long ago.
            first = 1
        self._number = first + len(messages) - 1
        numbers = [b"%d" % number for number in range(first, self._number + 1)]
        self._numbers = self._numbers[self._at :] + numbers
        self._at = 0
        self.message_count += len(messages)
        return b"".join(
            [
                b"%b syslog %d %b\n" % (number, len(message), message)
                for number, message in zip(numbers, messages, strict=True)
            ]
        )

    def close_command(self) -> bytes:
        return self._make_frame(b"close", b"")

    def receive_answers(self, data: bytes) -> None:
        data = self._held + data if self._held else data
        at = 0 if self.state is not RelpState.OPEN else self._take_ordered_answers(data)
        while at < len(data) and self.state is not RelpState.OVER:
            header = HEADER.match(data, at)
            if header is None:
                if not MAY_BECOME_HEADER.match(data, at):
                    self._end_session("its answer is not RELP")
                break
            length = int(header[3])
            if length > _LARGEST_ANSWER:
                self._end_session(f"its answer is too long: {length} bytes")
                break
            stop = header.end() + length
            if stop >= len(data):
                break
            if data[stop] != _LF:
                self._end_session("its answer is not RELP")
                break
            self._handle_frame(header[1], header[2], data[header.end() : stop])
            at = stop + 1
        self._held = data[at:]

    def _take_ordered_answers(self, data: bytes) -> int:
        """Take acknowledgements in one go if they are in the order of the messages; return where they end.

        Otherwise take none, and return 0.
        """
        numbers = data.split(ACKNOWLEDGED)[:-1]
        end = self._at + len(numbers)
        if self._early or not numbers or numbers != self._numbers[self._at : end]:
            return 0
        self._at = end
        return sum(map(len, numbers)) + len(ACKNOWLEDGED) * len(numbers)

    def _handle_frame(self, number: bytes, command: bytes, data: bytes) -> None:
        if command == b"serverclose":
            self._end_session("it closed the session")
        elif command != b"rsp":
            self._end_session(f"it sent the command {shown(command.decode('ascii'))}")
        elif self.state is RelpState.CLOSED and int(number) != self._number:
            self._end_session(
                f"it answers frame {int(number)}, and {self._number} opens the session"
            )
        elif self.state is RelpState.CLOSED:
            self._handle_open_answer(data)
        else:
            self._handle_message_answer(number, data)

    def _handle_message_answer(self, number: bytes, data: bytes) -> None:
        """Take the answer to one message; ignore a second answer, or one to an unknown message."""
        try:
            index = self._numbers.index(number, self._at)
        except ValueError:
            return
        if number in self._early:
            return
        if not data.startswith(b"200"):
            self._record_refusal(self.first_unanswered + index - self._at, data)
        self._early.add(number)
        while self._at < len(self._numbers) and self._numbers[self._at] in self._early:
            self._early.remove(self._numbers[self._at])
            self._at += 1

    def _record_refusal(self, message: int, data: bytes) -> None:
        if not data.startswith(b"5"):
            self._end_session(f"it answers {_answer_text(data)}")
        self.refused[message] = f"it answers {_answer_text(data)}"

    def _handle_open_answer(self, data: bytes) -> None:
        if not data.startswith(b"200"):
            self._end_session(f"it refuses the session: {_answer_text(data)}")
        elif b"syslog" not in data:
            self._end_session("it offers no syslog")
        else:
            self.state = RelpState.OPEN

    def _end_session(self, trouble: str) -> None:
        self.state = RelpState.OVER
        self.trouble = trouble

    def _make_frame(self, command: bytes, data: bytes) -> bytes:
        self._number += 1
        return b"%d %b %d%b\n" % (self._number, command, len(data), b" " + data if data else b"")


def _answer_text(data: bytes) -> str:
    return shown(data.decode("utf-8", "backslashreplace"))
