"""The base class for protocols of lines in datagrams.

class Shout(DatagramLines):
    def line_received(self, line, peer):
        self.send_line(line.upper(), peer)
"""

from __future__ import annotations

from logsrv.kit.net.source import Sender
from logsrv.kit.protocols.connection.context import Settings, State
from logsrv.kit.protocols.connection.mistakes import check_text
from logsrv.kit.protocols.datagrams import Datagrams


class DatagramLines(Datagrams[Settings, State]):
    """Lines in datagrams; one object per listener, for all its peers.

    A datagram is one or more lines. Who answers each line of it, and not just each datagram, lets a
    forged sender turn one large datagram into many at somebody else.
    encoding: of the lines, both ways; what is not text becomes U+FFFD. ending: of lines that are sent.
    """

    encoding = "utf-8"
    ending = "\r\n"

    _doing = "line_received"

    def line_received(self, line: str, peer: Sender) -> object:
        """Take a line that came from `peer`; `peer.source` is its name as text.

        May be `async def`; the next line does not wait for it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no line_received")

    def lines_received(self, lines: list[str], peer: Sender) -> object:
        """Take the lines of a datagram that came from `peer`; unless overridden, one by one."""
        for line in lines:
            result = self.line_received(line, peer)
            if result is not None:
                self._watch(result, peer)
        return None

    def send_line(self, text: str, peer: Sender) -> None:
        """Send a datagram of one line. As UDP is, it may be lost; then it is counted as unsent."""
        check_text(text, "send_line")
        self.send((text + self.ending).encode(self.encoding, "replace"), peer)

    def datagram_received(self, data: bytes, peer: Sender) -> object:
        """Take the lines of a datagram that are not too long; the others are counted."""
        context = self.context
        most = context.line_format.max_line
        lines = [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]
        if len(data) > most:
            too_long = [len(line) for line in lines if len(line) > most]
            context.oversize_lines += len(too_long)
            context.dropped_bytes += sum(too_long)
            lines = [line for line in lines if len(line) <= most]
            if not lines:
                return None
        return self.lines_received([line.decode(self.encoding, "replace") for line in lines], peer)
