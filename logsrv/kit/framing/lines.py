"""The line splitter: bytes in at any split, lines of text out. It makes a few passes over each chunk.

With the usual delimiter LF, one CR before it belongs to the ending, and CR NUL, which is Telnet's
bare return (RFC 854), is removed. Any other delimiter is taken as it is.

An input that breaks a rule stops the splitter at that place: `receive` gives the lines before it and
sets `trouble`. Who can live with it calls `receive(b"")` and gets the lines behind it.
"""

from __future__ import annotations

from enum import Enum

import attrs

from logsrv.kit.framing.telnet import TelnetFilter

LF = b"\n"
DEFAULT_MAX_LINE = 64 * 1024
_IAC = b"\xff"


class Trouble(Enum):
    """The reason a line is not given out. Its bytes are counted in `dropped`."""

    TOO_LONG = "the line is too long"
    UNDECODABLE = "the line is not text"


@attrs.frozen
class LineFormat:
    """The definition of a line. Raises ValueError for what cannot work.

    max_line: bytes of a line, without its ending and after Telnet's commands are taken out.
    delimiter: ends a line.
    encoding: of the text; one in which the delimiter never is a part of something else.
    errors: "replace" puts U+FFFD in the place of what is not text, "reject" refuses such a line.
    telnet: whether to take out Telnet's commands and answer them.
    """

    max_line: int = DEFAULT_MAX_LINE
    delimiter: bytes = LF
    encoding: str = "utf-8"
    errors: str = "replace"
    telnet: bool = True
    # `errors` as the codecs call it, and `delimiter` as text: worked out once.
    errors_handler: str = attrs.field(init=False, eq=False, repr=False, default="replace")
    _ending: str = attrs.field(init=False, eq=False, repr=False, default="")

    def __attrs_post_init__(self) -> None:
        if self.max_line < 1:
            raise ValueError(f"max_line is {self.max_line}; it has to be 1 or more")
        if not self.delimiter:
            raise ValueError("delimiter is empty; it has to be one byte or more")
        if self.errors not in ("replace", "reject"):
            raise ValueError(f'errors is {self.errors!r}; it has to be "replace" or "reject"')
        try:
            ending = self.delimiter.decode(self.encoding)
            usable = "a\n".encode(self.encoding) == b"a\n" and ending
        except (LookupError, UnicodeDecodeError):
            usable = False
        if not usable:
            raise ValueError(
                f"encoding is {self.encoding!r}; it has to be one that contains ASCII and the "
                "delimiter, such as utf-8"
            )
        object.__setattr__(self, "_ending", ending)
        if self.errors == "reject":
            object.__setattr__(self, "errors_handler", "strict")

    def split(self, block: bytes) -> list[str]:
        """A block of whole lines as text. Raises UnicodeDecodeError with `errors` "reject"."""
        delimiter = self.delimiter
        if delimiter == LF and b"\r\0" in block:
            block = block.replace(b"\r\0", b"")
        text = block.decode(self.encoding, self.errors_handler)
        if delimiter == LF and "\r" in text:
            lines = text.split("\r\n")
            # Faster than `replace` where all endings are CR LF, as they usually are then.
            if len(lines) - 1 != text.count("\n"):
                lines = text.replace("\r\n", "\n").split("\n")
        else:
            lines = text.split(self._ending)
        lines.pop()
        return lines

    def split_whole(self, data: bytes) -> list[str] | None:
        """The first that a peer sent, if it is whole lines and nothing else; None: see a LineSplitter.

        Most peers who come, say a line and go need no LineSplitter.
        """
        if len(data) > self.max_line or not data.endswith(self.delimiter):
            return None
        if self.telnet and _IAC in data:
            return None
        try:
            return self.split(data)
        except UnicodeDecodeError:
            return None


class LineSplitter:
    """The lines of one connection's bytes.

    trouble: why the last call of `receive` stopped before the end of what it got, or None.
    dropped: bytes that were received and not given out, delimiters and Telnet aside.
    chunk: that in which the last lines ended, for `unread`; who needs it no more lets go of it.
    """

    __slots__ = (
        "_carry", "_doubtful", "_format", "_held", "_pieces", "_refused", "_rest", "_skipping",
        "_telnet", "chunk", "dropped", "trouble",
    )  # fmt: skip

    def __init__(self, format: LineFormat) -> None:
        self._format = format
        self._pieces: list[bytes] | None = None
        self._held = 0
        # The last bytes of an unfinished line, which may be the beginning of a delimiter.
        self._carry = b""
        # After a trouble: lines that came with the bad one, the last one first, and what is behind them.
        self._doubtful: list[bytes] = []
        self._rest = b""
        self._skipping = False
        self._telnet: TelnetFilter | None = None
        self._refused = 0
        self.chunk = b""
        self.trouble: Trouble | None = None
        self.dropped = 0

    def receive(self, data: bytes) -> list[str]:
        """The lines that are complete now, without their endings."""
        if self._telnet is not None or (_IAC in data and self._format.telnet):
            data = self._without_telnet(data)
        self.trouble = None
        if not self._doubtful and not self._rest:
            return self._split(data)
        self._rest += data
        lines = self._walk()
        if self.trouble is None:
            data, self._rest = self._rest, b""
            lines += self._split(data)
        return lines

    def _split(self, data: bytes) -> list[str]:
        if self._carry:
            data, self._carry = self._carry + data, b""
        if self._skipping:
            data = self._skip(data)
            if self._skipping:
                return []
        delimiter = self._format.delimiter
        end = data.rfind(delimiter)
        if end < 0:
            self._hold(data)
            return []
        self.chunk = data
        end += len(delimiter)
        if not self._pieces and end <= self._format.max_line:
            block = data if end == len(data) else data[:end]
        else:
            pieces, self._pieces, self._held = self._pieces or [], None, 0
            block = b"".join([*pieces, memoryview(data)[:end]])
            if len(block) > self._format.max_line:
                raw = block.split(delimiter)
                if max(map(len, raw)) > self._format.max_line:
                    return self._doubt(raw, data[end:])
        try:
            lines = self._format.split(block)
        except UnicodeDecodeError:
            return self._doubt(block.split(delimiter), data[end:])
        if end < len(data):
            self._hold(data[end:])
        return lines

    def _doubt(self, raw: list[bytes], tail: bytes) -> list[str]:
        """Go on line by line: one of `raw`, which were split at delimiters, may be bad."""
        raw.pop()
        self._doubtful, self._rest = raw[::-1], tail
        lines = self._walk()
        if self.trouble is None:
            tail, self._rest = self._rest, b""
            self._hold(tail)
        return lines

    def _walk(self) -> list[str]:
        """The doubtful lines up to the first bad one. What is behind it waits for the next call."""
        lines = []
        while self._doubtful:
            line = self._line(self._doubtful.pop())
            if line is None:
                break
            lines.append(line)
        return lines

    def _line(self, line: bytes) -> str | None:
        """Return a line as text, or None: then it is refused."""
        ends_in_cr = self._format.delimiter == LF and line.endswith(b"\r")
        if len(line) - ends_in_cr > self._format.max_line:
            self._refuse(line, Trouble.TOO_LONG)
            return None
        text = line
        if self._format.delimiter == LF:
            text = line.replace(b"\r\0", b"").removesuffix(b"\r")
        try:
            return text.decode(self._format.encoding, self._format.errors_handler)
        except UnicodeDecodeError:
            self._refuse(line, Trouble.UNDECODABLE)
            return None

    def finish(self) -> str | None:
        """The peer sends nothing more: the unfinished last line, if there is one that is text."""
        if self._telnet is not None:
            self._hold(self._telnet.finish())
        line = b"".join([*(self._pieces or ()), self._carry])
        self._pieces, self._carry, self._held = None, b"", 0
        if self._skipping or not line:
            self.dropped += len(line)
            return None
        return self._line(line)

    def _refuse(self, line: bytes, trouble: Trouble) -> None:
        self.trouble = trouble
        self._refused = len(line)
        self.dropped += len(line)

    @property
    def spent(self) -> bool:
        """Return whether all that was received was given out."""
        return not (
            self._pieces or self._carry or self._skipping or self.trouble or self.dropped
            or self._telnet
        )  # fmt: skip

    @property
    def holds_some(self) -> bool:
        """Return whether something was received that no line was made of yet."""
        unfinished = self._telnet is not None and self._telnet.unfinished
        return bool(
            self._pieces
            or self._carry
            or self._doubtful
            or self._rest
            or self._skipping
            or unfinished
        )

    def discard(self) -> None:
        """Count as dropped what is here and was not given out."""
        self.dropped += self._held + len(self._carry) + len(self._rest)
        self.dropped += sum(map(len, self._doubtful))
        self.dropped += len(self._doubtful) * len(self._format.delimiter)
        self._pieces, self._carry, self._rest, self._held = None, b"", b"", 0
        self._doubtful = []

    def take_rest(self) -> bytes:
        """Take out what is here and was not given out, for who reads on in bytes."""
        whole = [line + self._format.delimiter for line in reversed(self._doubtful)]
        rest = b"".join([*(self._pieces or ()), self._carry, *whole, self._rest])
        self._pieces, self._carry, self._rest, self._held = None, b"", b"", 0
        self._doubtful = []
        return rest

    def unread(self, given: int) -> bytes:
        """Take back what came behind the first `given` lines of the last `receive`, as it came.

        Those were the first that it gave, and there was no Telnet in it. A `trouble` behind them is
        forgotten with the rest.
        """
        if self.trouble is not None:
            self.trouble = None
            self.dropped -= self._refused
        rest = self.chunk.split(self._format.delimiter, given)[-1]
        self._pieces, self._carry, self._rest, self._held = None, b"", b"", 0
        self._doubtful, self._skipping = [], False
        return rest

    @property
    def answering(self) -> bool:
        """Return whether there may be something in `take_answers`."""
        return self._telnet is not None

    def take_answers(self) -> bytes:
        """Answers to Telnet's commands, to be sent now."""
        return b"" if self._telnet is None else self._telnet.take_answers()

    def _without_telnet(self, data: bytes) -> bytes:
        if self._telnet is None:
            self._telnet = TelnetFilter()
        return self._telnet.receive(data)

    def _hold(self, data: bytes) -> None:
        """Keep the beginning of a line, or find that it is too long already."""
        if not data:
            return
        keep = len(self._format.delimiter) - 1
        if keep:
            data, self._carry = data[: max(0, len(data) - keep)], data[-keep:]
        if self._pieces is None:
            self._pieces = []
        self._pieces.append(data)
        self._held += len(data)
        most = self._format.max_line
        if self._held > most and not (
            self._held == most + 1 and data[-1:] == b"\r" and self._format.delimiter == LF
        ):
            self._refused = self._held
            self.dropped += self._held
            self._pieces, self._held = None, 0
            self._skipping = True
            self.trouble = Trouble.TOO_LONG

    def _skip(self, data: bytes) -> bytes:
        """Return what stands behind the end of the line that is too long."""
        delimiter = self._format.delimiter
        at = data.find(delimiter)
        if at < 0:
            keep = len(delimiter) - 1
            self._carry = data[-keep:] if keep else b""
            self.dropped += len(data) - len(self._carry)
            return b""
        self._skipping = False
        self.dropped += at
        return data[at + len(delimiter) :]
