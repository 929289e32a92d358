"""Twisted's HTTPChannel: what it knows of a request that it does not tell."""

from __future__ import annotations

from typing import Any

from twisted.web.http import _ChunkedTransferDecoder


class MalformedRequests:
    """A part of an HTTPChannel: it hears of what is answered with 400 before there is a request."""

    def malformed(self) -> None:
        """Note that what came is no request; the connection ends."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.malformed()
        super()._respondToBadRequestAndDisconnect()  # type: ignore[misc]


def pipelined(channel: Any) -> int:
    """Return how many bytes an HTTPChannel has that came behind the request being answered.

    It stops reading when more comes, but not for what came with the request; and goes on with each answer.
    """
    return sum(map(len, channel._dataBuffer))


def take_pipelined(channel: Any) -> bytes:
    """Take from an HTTPChannel what came behind the request being answered: it won't go on with that."""
    behind, channel._dataBuffer = channel._dataBuffer, []
    return b"".join(behind)


def body_left(channel: Any) -> int:
    """Return how many bytes an HTTPChannel takes at once: the rest of a body, or of a chunk of one."""
    decoder = channel._transferDecoder
    if isinstance(decoder, _ChunkedTransferDecoder):
        return decoder.length if decoder.state == "BODY" else 0
    return 0 if decoder is None else decoder.contentLength or 0


def request_line(channel: Any) -> tuple[bytes, bytes, bytes]:
    """Return the method, the target and the version of the request whose headers are through.

    A Request of Twisted Web gets them with the end of its body only, too late to refuse that.
    """
    return channel._command, channel._path, channel._version
