"""The bytes of the input, with the wanted line endings, as they are sent (no I/O)."""

from __future__ import annotations


class StreamInputEncoder:
    """The input for a connection: unchanged, or with `ending` in place of each line ending."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending
        self._return = b""

    def encode(self, data: bytes) -> list[bytes]:
        """Return the pieces to send for a chunk of the input, which may end anywhere."""
        if self._ending is None:
            return [data]
        data = self._return + data
        # Keep a CR at the end: its LF may be in the next chunk.
        self._return = b"\r" if data.endswith(b"\r") else b""
        whole = data[: len(data) - len(self._return)]
        return [whole.replace(b"\r\n", b"\n").replace(b"\n", self._ending)]

    def encode_rest(self) -> list[bytes]:
        """Return the buffered bytes at the end of the input."""
        return [self._return] if self._return else []


class DatagramInputEncoder:
    """The input for datagrams: each line is one, without its line ending, or with `ending` in its place."""

    LONGEST = 256 * 1024
    """Bytes. No datagram can have so many, so an input without a newline ends with an error."""

    def __init__(self, ending: bytes | None) -> None:
        self._ending = ending or b""
        self._rest = b""

    def encode(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LONGEST:
            lines.append(self._rest)
            self._rest = b""
        return [line.removesuffix(b"\r") + self._ending for line in lines]

    def encode_rest(self) -> list[bytes]:
        return [self._rest + self._ending] if self._rest else []
