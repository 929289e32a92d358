"""The definition of a line, and fast decoding of blocks of whole lines.

With the usual delimiter LF, one CR before it belongs to the ending, and CR NUL, which is Telnet's
bare return (RFC 854), is removed. With any other delimiter neither is done.
"""

from __future__ import annotations

import attrs

LF = b"\n"
# A byte is looked for by its number: for bytes of one, Python raises a TypeError and catches it first.
CR = 13
DEFAULT_MAX_LINE = 64 * 1024


@attrs.frozen
class LineFormat:
    """The definition of a line. Raises ValueError for a value that cannot work.

    max_line: the most bytes of a line, without its ending and without Telnet commands.
    delimiter: the bytes that end a line.
    encoding: of the text. In it, the bytes of the delimiter must never be part of another character.
    errors: "replace" puts U+FFFD in place of bytes that are not text, "reject" refuses such a line.
    telnet: whether to remove Telnet commands, and answer them.
    """

    max_line: int = DEFAULT_MAX_LINE
    delimiter: bytes = LF
    encoding: str = "utf-8"
    errors: str = "replace"
    telnet: bool = True
    # `errors` by the name that codecs have for it, and `delimiter` as text.
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

    def split(self, block: bytes | bytearray) -> list[str]:
        """Return the lines of a block of whole lines, without their endings.

        Raises UnicodeDecodeError for bytes that are not text if `errors` is "reject".
        """
        if CR in block and b"\r\0" in block and self.delimiter == LF:
            block = block.replace(b"\r\0", b"")
        text = block.decode(self.encoding, self.errors_handler)
        if "\r" in text and self.delimiter == LF:
            lines = text.split("\r\n")
            # If there is a CR, usually all endings are CR LF: then this split alone is enough, and faster.
            if len(lines) - 1 != text.count("\n"):
                lines = text.replace("\r\n", "\n").split("\n")
        else:
            lines = text.split(self._ending)
        lines.pop()
        return lines

    def is_too_long(self, line: bytes | bytearray) -> bool:
        """Return whether a line without its delimiter has more than `max_line` bytes."""
        ends_in_cr = self.delimiter == LF and line.endswith(b"\r")
        return len(line) - ends_in_cr > self.max_line
