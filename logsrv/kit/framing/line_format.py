"""The definition of a line, and text made of whole lines in a few passes.

With the usual delimiter LF, one CR before it belongs to the ending, and CR NUL, which is Telnet's
bare return (RFC 854), is removed. Any other delimiter is taken as it is.
"""

from __future__ import annotations

import attrs

LF = b"\n"
DEFAULT_MAX_LINE = 64 * 1024


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

    def split(self, block: bytes | bytearray) -> list[str]:
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

    def is_too_long(self, line: bytes) -> bool:
        """Return whether a line without its delimiter has more than `max_line` bytes."""
        ends_in_cr = self.delimiter == LF and line.endswith(b"\r")
        return len(line) - ends_in_cr > self.max_line
