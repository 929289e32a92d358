"""The bytes that go to the peer for what a person types or a script feeds in; sans-IO."""

from __future__ import annotations

from typing import TypeAlias


def encoded(line: str) -> bytes:
    # A terminal that is not set to UTF-8 sends bytes which Python carries as surrogates.
    return line.encode("utf-8", "surrogateescape")


class StreamWire:
    """A connection's wire: a typed line ends with CR LF, a script goes as it is, unless told otherwise."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending
        self._return = b""

    def typed(self, line: str) -> bytes:
        """Return what is sent for a line that was typed, without its ending."""
        return encoded(line) + (b"\r\n" if self._ending is None else self._ending)

    def read(self, data: bytes) -> list[bytes]:
        """Return the pieces to be sent one by one for bytes of a script, cut anywhere."""
        if self._ending is None:
            return [data]
        data = self._return + data
        # The LF of this CR may be in the next chunk.
        self._return = b"\r" if data.endswith(b"\r") else b""
        whole = data[: len(data) - len(self._return)]
        return [whole.replace(b"\r\n", b"\n").replace(b"\n", self._ending)]

    def finish(self) -> list[bytes]:
        """Return what was held back until the script's end."""
        return [self._return] if self._return else []


class DatagramWire:
    """A wire of datagrams: a line each, without an ending unless told otherwise."""

    LONGEST = 256 * 1024
    """Bytes; more than any datagram holds, so that a script without a newline ends in an error."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending or b""
        self._rest = b""

    def typed(self, line: str) -> bytes:
        return encoded(line) + self._ending

    def read(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LONGEST:
            lines.append(self._rest)
            self._rest = b""
        return [line.removesuffix(b"\r") + self._ending for line in lines]

    def finish(self) -> list[bytes]:
        return [self._rest + self._ending] if self._rest else []


Wire: TypeAlias = StreamWire | DatagramWire
"""Input turned into the pieces that are sent one by one."""
