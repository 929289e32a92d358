"""A server that gets lines, over a plain blocking socket: when it is slow, so are we."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any, Self

from logsrv.cli.client.target import Target
from logsrv.errors import ConfigurationError, LogsrvError

_PIECE = 1 << 16
_TIMEOUT = 30.0


class ReplayConnection:
    """A connection that sends lines. Raises LogsrvError, which says how many lines went before.

    sent: the number of lines that were handed to the system.
    """

    def __init__(self, target: Target, cafile: Path | None, *, insecure: bool) -> None:
        self.sent = 0
        self._target = target
        self._waiting: list[bytes] = []
        self._size = 0
        self._socket = self._connected(cafile, insecure)

    def _connected(self, cafile: Path | None, insecure: bool) -> socket.socket:
        try:
            made = self._opened()
        except OSError as error:
            raise LogsrvError(f"{self._target} cannot be reached: {_why(error)}") from error
        try:
            return self._secured(made, cafile, insecure) if self._target.scheme == "tls" else made
        except OSError as error:
            made.close()
            raise LogsrvError(f"TLS with {self._target} failed: {_why(error)}") from error

    def _opened(self) -> socket.socket:
        target = self._target
        kind = socket.SOCK_DGRAM if target.is_datagram else socket.SOCK_STREAM
        if not target.path and not target.is_datagram:
            return socket.create_connection((target.host, target.port), _TIMEOUT)
        family = socket.AF_UNIX
        address: Any = target.path
        if not target.path:
            family, *_, address = socket.getaddrinfo(target.host, target.port, type=kind)[0]
        made = socket.socket(family, kind)
        try:
            made.settimeout(_TIMEOUT)
            made.connect(address)
        except OSError:
            made.close()
            raise
        return made

    def _secured(self, plain: socket.socket, cafile: Path | None, insecure: bool) -> socket.socket:
        try:
            context = ssl.create_default_context(cafile=str(cafile) if cafile else None)
        except (OSError, ssl.SSLError) as error:
            plain.close()
            raise ConfigurationError(f"--cafile {cafile}: {_why(error)}") from error
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=self._target.host)

    def send(self, message: bytes) -> None:
        """Send a line, soon."""
        if self._target.is_datagram:
            self._now(message)
            self.sent += 1
            return
        self._waiting.append(message + b"\n")
        self._size += len(message) + 1
        if self._size >= _PIECE:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._now(b"".join(self._waiting))
            self.sent += len(self._waiting)
            self._waiting.clear()
            self._size = 0

    def _now(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LogsrvError(
                f"{self._target} took no more after {self.sent} lines: {_why(error)}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
                if not self._target.is_datagram:
                    self._end()
        finally:
            self._socket.close()

    def _end(self) -> None:
        """Say that this was all, and wait until the server has read it: it closes then."""
        try:
            if self._target.scheme == "tls":
                self._socket = self._socket.unwrap()  # type: ignore[attr-defined]
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_PIECE):
                pass
        except OSError as error:
            if isinstance(error, TimeoutError):
                return
            raise LogsrvError(
                f"{self._target} closed before it had read all of {self.sent} lines: {_why(error)}"
            ) from error


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
