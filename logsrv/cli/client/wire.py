"""The bytes that are sent to the peer for the input; sans-IO."""

from __future__ import annotations


class StreamWire:
    """A connection's wire: all goes as it is, unless lines are to have another ending."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending
        self._return = b""

    def read(self, data: bytes) -> list[bytes]:
        """Return the pieces to be sent one by one for bytes of the input, cut anywhere."""
        if self._ending is None:
            return [data]
        data = self._return + data
        # The LF of this CR may be in the next chunk.
        self._return = b"\r" if data.endswith(b"\r") else b""
        whole = data[: len(data) - len(self._return)]
        return [whole.replace(b"\r\n", b"\n").replace(b"\n", self._ending)]

    def finish(self) -> list[bytes]:
        """Return what was held back until the input's end."""
        return [self._return] if self._return else []


class DatagramWire:
    """A wire of datagrams: a line each, without an ending unless told otherwise."""

    LONGEST = 256 * 1024
    """Bytes; more than any datagram holds, so that an input without a newline ends in an error."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending or b""
        self._rest = b""

    def read(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LONGEST:
            lines.append(self._rest)
            self._rest = b""
        return [line.removesuffix(b"\r") + self._ending for line in lines]

    def finish(self) -> list[bytes]:
        return [self._rest + self._ending] if self._rest else []
