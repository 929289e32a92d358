"""Servers over HTTP that note what comes and answer as they are told: any, of webhooks, of NDJSON."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.waits import join


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Told(NamedTuple):
    """An answer; hang_up: it is never given, and the connection ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    hang_up: bool = False


class ToldServer(ThreadingHTTPServer):
    """A server on a free port. asked: the requests in order; connections: how many there were.

    silent: while it is set, nothing is answered.
    """

    daemon_threads = True

    def __init__(
        self, answer: Callable[[Asked], Told], tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.silent = threading.Event()
        self.ended = threading.Event()
        self._tls = tls

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        host = "localhost" if self._tls else "127.0.0.1"
        return f"http{'s' if self._tls else ''}://{host}:{self.port}"

    def note(self, asked: Asked) -> None:
        self.asked.append(asked)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the thread of the connection: a handshake that fails ends only that.
        if self._tls is None:
            super().finish_request(request, client_address)
        else:
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what some tests are about."""


Server = TypeVar("Server", bound=ToldServer)


class _Handler(BaseHTTPRequestHandler):
    server: ToldServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        self.server.note(asked)
        if self.server.silent.is_set():
            self.server.ended.wait(PATIENCE)
            told = Told(hang_up=True)
        else:
            told = self.server.answer(asked)
        if told.hang_up:
            self.close_connection = True
            return
        self.send_response(told.status)
        for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Hook(ToldServer):
    """A server of webhooks. posts: path, headers and JSON of each request, in order."""

    def __init__(
        self, statuses: Sequence[int], told: Told, tls: ssl.SSLContext | None, port: int
    ) -> None:
        super().__init__(self._told, tls, port)
        self.statuses = list(statuses)
        self._last = told
        self.posts: list[tuple[str, Any, Any]] = []

    def note(self, asked: Asked) -> None:
        self.posts.append((asked.path, asked.headers, json.loads(asked.body)))

    def _told(self, asked: Asked) -> Told:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return self._last._replace(status=status)


class LineReceiver(ToldServer):
    """A server that takes lines as NDJSON. messages: of all that it took; status: what it answers."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(self._taken, port=port)
        self.messages: list[str] = []
        self.status = 200
        self.sockets: list[Any] = []

    @property
    def url(self) -> str:
        return f"ndjson+{super().url}"

    @property
    def posts(self) -> int:
        return len(self.asked)

    @property
    def tokens(self) -> list[str | None]:
        """What clients have shown."""
        return [one.headers.get("Authorization") for one in self.asked]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.sockets.append(request)
        super().process_request(request, client_address)

    def _taken(self, asked: Asked) -> Told:
        if self.status == 200:
            self.messages += [json.loads(line)["message"] for line in asked.body.splitlines()]
        return Told(self.status)


@contextmanager
def serving(
    *told: Told, answer: Callable[[Asked], Told] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[ToldServer]:
    """A server that gives these answers, the last of them from then on; or what `answer` returns."""
    left = list(told) or [Told()]

    def next_one(asked: Asked) -> Told:
        return left.pop(0) if len(left) > 1 else left[0]

    with started(ToldServer(answer or next_one, tls)) as server:
        yield server


@contextmanager
def started(server: Server) -> Iterator[Server]:
    """A server that answers, until it lets go of its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        join(thread)
        server.server_close()


@contextmanager
def hook(
    *statuses: int,
    headers: Mapping[str, str] = {},
    body: bytes = b"ok",
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> Iterator[Hook]:
    """A server of webhooks that answers with these statuses, the last of them from then on."""
    told = Told(body=body, headers=headers)
    with started(Hook(statuses or (200,), told, tls, port)) as server:
        yield server


@contextmanager
def receiving(port: int = 0) -> Iterator[LineReceiver]:
    """A server that takes lines; at the end it lets go of its port and of all connections."""
    server = LineReceiver(port)
    try:
        with started(server):
            yield server
    finally:
        for one in server.sockets:
            server.shutdown_request(one)
