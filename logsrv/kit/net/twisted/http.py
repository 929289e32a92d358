"""Private parts of Twisted's HTTPChannel: bad requests, pipelined bytes, body and request line."""

from __future__ import annotations

from typing import Any

from twisted.web.http import _ChunkedTransferDecoder


class MalformedRequestHook:
    """A mix-in of an HTTPChannel: calls `note_malformed` for each answer 400 of Twisted itself."""

    def note_malformed(self) -> None:
        """Note that the bytes received are no request; the connection ends."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.note_malformed()
        super()._respondToBadRequestAndDisconnect()  # type: ignore[misc]


def pipelined_bytes(channel: Any) -> int:
    """Return how many bytes an HTTPChannel has that came after the request being answered.

    Twisted's limit on them is not enough: the channel stops reading when more bytes come, but not for bytes
    that came with the request, and reads on with each answer.
    """
    return sum(map(len, channel._dataBuffer))


def take_pipelined(channel: Any) -> bytes:
    """Take, and return, the bytes that came after the request being answered: the channel loses them."""
    behind, channel._dataBuffer = channel._dataBuffer, []
    return b"".join(behind)


def body_bytes_left(channel: Any) -> int:
    """Return how many bytes are left of an HTTPChannel's present body, or of the present chunk of it."""
    decoder = channel._transferDecoder
    if isinstance(decoder, _ChunkedTransferDecoder):
        return decoder.length if decoder.state == "BODY" else 0
    return 0 if decoder is None else decoder.contentLength or 0


def request_line(channel: Any) -> tuple[bytes, bytes, bytes]:
    """Return the method, the target and the version of the request whose headers are complete.

    A Request of Twisted Web gets them only at the end of its body: too late to refuse the body.
    """
    return channel._command, channel._path, channel._version
