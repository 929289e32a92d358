"""The display of a conversation: the peer's bytes as safe text, or both sides' bytes in hex (no I/O)."""

from __future__ import annotations

import codecs

from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.kit.text.escape import printable

PER_ROW = 16


class Display:
    """A display that shows the peer's bytes unchanged; never on a terminal, which would obey them."""

    def received(self, data: bytes) -> bytes:
        return data

    def sent(self, data: bytes) -> bytes:
        """Return nothing: the user has typed these bytes, and seen them."""
        return b""

    def finish(self) -> bytes:
        """Return the buffered bytes at the end of the conversation."""
        return b""

    def answers(self) -> bytes:
        """Return the answers to the peer's Telnet commands that were not returned before."""
        return b""


class TextDisplay(Display):
    """A display of text in UTF-8: it escapes control characters, and refuses Telnet commands.

    It removes a CR before an LF, even if they arrive in different chunks.
    """

    def __init__(self) -> None:
        self._telnet = TelnetFilter()
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._return = ""

    def received(self, data: bytes) -> bytes:
        return self._safe_text(self._telnet.receive(data), final=False)

    def finish(self) -> bytes:
        return self._safe_text(self._telnet.finish(), final=True)

    def answers(self) -> bytes:
        return self._telnet.take_answers()

    def _safe_text(self, data: bytes, final: bool) -> bytes:
        text = self._return + self._decoder.decode(data, final)
        self._return = ""
        if text.endswith("\r") and not final:
            text, self._return = text[:-1], "\r"
        return printable(text.replace("\r\n", "\n")).encode()


class DatagramDisplay(Display):
    """A display of datagrams as text, each on a new line. No character spans two datagrams; no Telnet."""

    def received(self, data: bytes) -> bytes:
        text = printable(data.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))
        return (text if text.endswith("\n") else text + "\n").encode()


class HexDisplay(Display):
    """A display of both sides' bytes in hex, `<` received, `>` sent, including refused Telnet commands.

    Each side's offset, in hex, counts from the beginning of the conversation.
    """

    def __init__(self, telnet: bool) -> None:
        self._telnet = TelnetFilter() if telnet else None
        self._offsets = {"<": 0, ">": 0}

    def received(self, data: bytes) -> bytes:
        if self._telnet:
            self._telnet.receive(data)
        return self._hex_rows("<", data)

    def sent(self, data: bytes) -> bytes:
        return self._hex_rows(">", data)

    def answers(self) -> bytes:
        return self._telnet.take_answers() if self._telnet else b""

    def _hex_rows(self, mark: str, data: bytes) -> bytes:
        """Rows of up to 16 bytes: `< 00000010  68 69 0d 0a  |hi..|`."""
        offset = self._offsets[mark]
        self._offsets[mark] += len(data)
        rows = []
        for at in range(0, len(data), PER_ROW):
            row = data[at : at + PER_ROW]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            rows.append(f"{mark} {offset + at:08x}  {row.hex(' '):<{PER_ROW * 3 - 1}}  |{text}|\n")
        return "".join(rows).encode()
