"""Line editing for a raw terminal, such as that of an ssh client: keys in, lines and echo out. No I/O.

Backspace, Ctrl-U and Ctrl-W erase, Ctrl-C clears the line, Ctrl-D on an empty line ends the input, and the
arrows up and down bring back earlier lines.
"""

from __future__ import annotations

import re

import attrs

MOST_TYPED = 4000
MOST_REMEMBERED = 100
ERASE = b"\b \b"
BELL = b"\a"
_KEY = re.compile(
    rb"\x1b(?:[\[O][0-9;]*[ -/]*[@-~]|[^\[O])|\x1b(?:[\[O][0-9;]*[ -/]*)?\Z|[\x20-\x7e]+|.",
    re.DOTALL,
)
_BEGUN = re.compile(rb"\x1b(?:[\[O][0-9;]*[ -/]*)?")
_WORD = re.compile(rb"[^ ]* *$")


@attrs.frozen
class TypingOutcome:
    """The outcome of the keys given to `LineEditor.receive`.

    lines: the finished lines, with LF. echo: the bytes for the terminal. ended: whether the input has
    ended.
    """

    lines: bytes
    echo: bytes
    ended: bool = False


class LineEditor:
    """The line that is being typed, and the earlier lines."""

    def __init__(self) -> None:
        self._line = b""
        self._before: list[bytes] = []
        self._at = 0
        self._key = b""
        self._returned = False

    def receive(self, data: bytes) -> TypingOutcome:
        """Take keys. A key that takes several bytes may come in pieces."""
        lines = echo = b""
        data, self._key = self._key + data, b""
        for match in _KEY.finditer(data):
            key = match[0]
            if key[:1] == b"\x1b" and match.end() == len(data) and _BEGUN.fullmatch(key):
                # Only the first bytes and the last of a long unfinished key are kept: enough to find its
                # end.
                self._key = key[:15] + key[15:][-1:]
            elif key in (b"\r", b"\n"):
                if not (key == b"\n" and self._returned):
                    lines += self._line + b"\n"
                    echo += b"\r\n"
                    self._finish_line()
            elif key == b"\x04" and not self._line:
                return TypingOutcome(lines, echo + b"\r\n", ended=True)
            else:
                echo += self._edit_line(key)
            self._returned = key == b"\r"
        return TypingOutcome(lines, echo)

    def _edit_line(self, key: bytes) -> bytes:
        if b" " <= key[:1] <= b"~":
            key = key[: MOST_TYPED - len(self._line)]
            self._line += key
            return key or BELL
        if key in (b"\x7f", b"\b"):
            return self._replace_line(self._line[:-1])
        if key in (b"\x15", b"\x03"):
            return self._replace_line(b"")
        if key == b"\x17":
            return self._replace_line(_WORD.sub(b"", self._line))
        if key[-1:] in (b"A", b"B") and key[:1] == b"\x1b":
            step = -1 if key[-1:] == b"A" else 1
            self._at = min(max(self._at + step, 0), len(self._before))
            return self._replace_line([*self._before, b""][self._at])
        return BELL

    def _replace_line(self, line: bytes) -> bytes:
        """Replace the line; return the bytes that change it on the terminal."""
        same = 0
        while same < min(len(line), len(self._line)) and line[same] == self._line[same]:
            same += 1
        erased, self._line = len(self._line) - same, line
        return ERASE * erased + line[same:]

    def _finish_line(self) -> None:
        if self._line.strip():
            self._before = [*self._before, self._line][-MOST_REMEMBERED:]
        self._line, self._at = b"", len(self._before)
