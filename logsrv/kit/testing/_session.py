"""A scripted conversation over a socket.

with TelnetSession(8088) as session:
    session.expect("Thank you for connecting")
    session.send("hello")
    session.expect("You said: hello")
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from pathlib import Path

from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.kit.testing.patience import PATIENCE

# The offers that the usual `telnet` client sends by itself, in one write (RFC 854, 858, 1073, 1091).
CLIENT_OFFERS = (
    b"\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x21\xff\xfb\x22\xff\xfb\x27"
)


class TelnetSession:
    """A client that sends and expects lines. It removes and refuses the server's Telnet commands.

    Each wait raises AssertionError, with the conversation so far, when something else comes, or nothing in
    time.
    """

    def __init__(
        self,
        where: int | str,
        *,
        host: str = "127.0.0.1",
        deadline: float = PATIENCE,
        negotiating: bool = False,
        cafile: Path | None = None,
    ) -> None:
        """`where`: a TCP port on `host`, or the path of a UNIX socket. `deadline`: seconds for each wait.

        `negotiating`: begin with the offers of the usual `telnet` client. `cafile`: speak TLS, and trust
        this authority or self-signed certificate, which has to name `host`. Raises OSError without a
        connection.
        """
        tls = ssl.create_default_context(cafile=cafile) if cafile else None
        self._deadline = deadline
        self._telnet = TelnetFilter()
        self._unread = b""
        self._said: list[str] = []
        self._ended = False
        if isinstance(where, int):
            self._socket = socket.create_connection((host, where), deadline)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(deadline)
            self._socket.connect(where)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        if negotiating:
            self._socket.sendall(CLIENT_OFFERS)

    def __enter__(self) -> TelnetSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, line: str) -> None:
        """Send a line, with CR LF."""
        self._said.append(f"> {line}")
        self._socket.sendall(f"{line}\r\n".encode())

    def half_close(self) -> None:
        """Send nothing more, but go on reading; TLS has no such end."""
        self._said.append("> (end)")
        self._socket.shutdown(socket.SHUT_WR)

    def expect(self, line: str) -> str:
        """Return the next line, which must match `line`; `…` in that stands for anything."""
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        came = self.read_line()
        if came is None:
            raise self._failed_expectation(f"{line!r} was expected, the connection was closed")
        if not re.fullmatch(pattern, came):
            raise self._failed_expectation(f"{line!r} was expected, {came!r} came")
        return came

    def expect_close(self) -> None:
        """Wait until the server closes the connection, without another line."""
        came = self.read_line()
        if came is not None:
            raise self._failed_expectation(f"the end was expected, {came!r} came")

    def read_line(self) -> str | None:
        """Return the next line without its ending; None at the end of the connection."""
        end = time.monotonic() + self._deadline
        while b"\n" not in self._unread and not self._ended:
            self._receive(end)
        if not self._unread:
            return None
        line, _, self._unread = self._unread.partition(b"\n")
        text = line.decode("utf-8", "backslashreplace").removesuffix("\r")
        self._said.append(text)
        return text

    def close(self) -> None:
        self._socket.close()

    def _receive(self, end: float) -> None:
        try:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            data = self._socket.recv(65536)
        except TimeoutError:
            raise self._failed_expectation(f"nothing came within {self._deadline:g} s") from None
        except ConnectionResetError:
            data = b""
        self._ended = not data
        self._unread += self._telnet.receive(data)
        answers = self._telnet.take_answers()
        if answers:
            self._socket.sendall(answers)

    def _failed_expectation(self, how: str) -> AssertionError:
        said = "\n".join(f"    {line}" for line in self._said)
        return AssertionError(f"{how}; the conversation so far:\n{said}")
