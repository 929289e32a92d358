"""A server over HTTP/1.1 that notes what comes, and over how many connections; it answers as it is told."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar


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
    """A server on a free port. asked: the requests in order; connections: how many there were."""

    daemon_threads = True

    def __init__(
        self, answer: Callable[[Asked], Told], tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.ended = threading.Event()
        self._tls = tls

    @property
    def url(self) -> str:
        host = "localhost" if self._tls else "127.0.0.1"
        return f"http{'s' if self._tls else ''}://{host}:{self.server_address[1]}"

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
        self.server.asked.append(asked)
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
        thread.join()
        server.server_close()
