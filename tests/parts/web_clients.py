"""A client of a web server: requests, streams of events."""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import attrs

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.html_pages import Page

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@attrs.frozen
class Response:
    """An answer; header names are in lower case, `cookies` are the values of Set-Cookie."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def page(self) -> Page:
        return Page.of(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Client:
    """A client of one server: at a port of 127.0.0.1, or a path. tls: the port speaks TLS."""

    def __init__(self, place: int | str, *, tls: bool = False) -> None:
        self.place = place
        self.tls = tls

    def connection(self) -> http.client.HTTPConnection:
        if isinstance(self.place, str):
            return UnixConnection(self.place)
        if self.tls:
            # The certificate is one of the test.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(
                "127.0.0.1", self.place, timeout=PATIENCE, context=context
            )
        return http.client.HTTPConnection("127.0.0.1", self.place, timeout=PATIENCE)

    def ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        body: str | None = None,
        **parameters: object,
    ) -> Response:
        """Send one request on a new connection; return the answer."""
        if parameters:
            path += "?" + urlencode(parameters)
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, found, response.read())
        finally:
            connection.close()

    def search(self, q: str = "", **parameters: object) -> list[str]:
        """Return the messages that a search finds."""
        found = self.ask("/api/search?" + urlencode({"q": q, **parameters}))
        assert found.status == 200, found.body
        return [line["message"] for line in found.lines]

    def watch(
        self,
        q: str = "",
        after: str | None = None,
        headers: dict[str, str] | None = None,
        join: int = 0,
    ) -> Events:
        """Open a live view and read its head; return its events."""
        parameters = {"q": q, "join": join} | ({"after": after} if after is not None else {})
        connection = self.connection()
        connection.request("GET", f"/api/tail?{urlencode(parameters)}", headers=headers or {})
        # The connection forgets its socket with the response.
        events = Events(connection.sock)
        connection.close()
        return events


class TimedReader(io.RawIOBase):
    """Reads from a socket until a deadline; bytes that arrive do not prolong it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        # It keeps the socket open, whoever else closes it.
        self._bytes = sock.makefile("rb", buffering=0)
        self.begin()

    def begin(self) -> None:
        """Begin a wait: from now on, what is read has to arrive within PATIENCE."""
        self._deadline = time.monotonic() + PATIENCE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Raises TimeoutError after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not all of it arrived in {PATIENCE:g} s")
        self._socket.settimeout(left)
        return self._bytes.readinto(buffer) or 0

    def close(self) -> None:
        self._bytes.close()
        super().close()

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the file that http.client asks a socket for."""
        assert mode == "rb"
        return io.BufferedReader(self)


class Events:
    """A stream of events, which is the response to a request on a socket. It closes the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = TimedReader(sock)
        self.response = http.client.HTTPResponse(cast(socket.socket, self._reader))
        self.last_id = ""
        self.response.begin()

    def __enter__(self) -> Events:
        assert self.response.status == 200, self.response.read()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.response.close()
        self._socket.close()

    def next(self) -> tuple[str, Any] | None:
        """Return name and data of the next event; None at the end of the stream.

        Raises TimeoutError if it has not come whole for so long that a test has to fail: neither
        heartbeats nor parts of it prolong the wait.
        """
        name, data = "", ""
        self._reader.begin()
        while line := self.response.readline().decode():
            key, _, value = line.rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data = value
            elif key == "id":
                self.last_id = value
            elif not key and data:
                return name, json.loads(data)
        return None

    def lines(self, count: int) -> list[str]:
        """Return the messages of the next `count` lines; no other event may come between."""
        found = []
        for _ in range(count):
            event = self.next()
            assert event is not None and event[0] == "line", event
            found.append(event[1]["message"])
        return found
