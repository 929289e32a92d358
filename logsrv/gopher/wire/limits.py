"""The limits of a request, in bytes, lines and seconds: all of them in one object. Sans-IO."""

from __future__ import annotations

import math

from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.value import Value

LONGEST_LINE = 64 * 1024
MOST_ITEMS = 100_000


class Limits(Value):
    """The limits of a request. An answer above one of them is TooBig or TimedOut; None: no limit.

    menu, text, download: bytes of an answer. line: bytes after which a line of a menu is shortened. items:
    lines of a menu. lines: of a text.

    connect: seconds for name lookup, connection and TLS handshake together. first_byte: from the request to
    the first byte. between: from one reception to the next. whole: from the request to the end of a menu or
    a text, against servers that send a byte now and then; streams and downloads have no such limit. least:
    not seconds, but the bytes that must arrive in each minute, for downloads that nobody watches; 0 for no
    minimum.
    """

    menu: int = 16 * 1024 * 1024
    text: int = 64 * 1024 * 1024
    download: int | None = None
    line: int = LONGEST_LINE
    items: int = MOST_ITEMS
    lines: int | None = None
    connect: float = 15.0
    first_byte: float = 30.0
    between: float = 30.0
    whole: float = 300.0
    least: int = 0

    def __post_init__(self) -> None:
        for name in ("menu", "text", "line", "items", "connect", "first_byte", "between", "whole"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")

    def most_bytes(self, kind: AnswerKind | None) -> int | None:
        """Return the limit of an answer of this kind; None is a stream or a download."""
        return {"menu": self.menu, "text": self.text}.get(kind or "", self.download)

    def most_seconds(self, kind: AnswerKind | None) -> float:
        """Return the seconds for the whole answer; a stream or a download (None) may take any time."""
        return math.inf if kind is None else self.whole

    def with_times_of(self, other: Limits) -> Limits:
        """Return these limits of the size, with the times that the user gave in `other`."""
        return self.replace(
            connect=other.connect,
            first_byte=other.first_byte,
            between=other.between,
            whole=min(self.whole, other.whole),
        )
