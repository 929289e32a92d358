"""A web server that notes what is posted to it."""

import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from logsrv.kit.testing.patience import PATIENCE


class Hook(ThreadingHTTPServer):
    """A server on a free port. posts: path, headers and JSON of each request, in order."""

    daemon_threads = True

    def __init__(
        self, statuses: Sequence[int], headers: dict[str, str], body: bytes, port: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.statuses = list(statuses)
        self.headers = headers
        self.body = body
        self.posts: list[tuple[str, Any, Any]] = []
        self.silent = threading.Event()
        self.ended = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook = self.server
        hook.posts.append((self.path, self.headers, json.loads(body)))
        if hook.silent.is_set():
            hook.ended.wait(PATIENCE)
            return
        status = hook.statuses.pop(0) if len(hook.statuses) > 1 else hook.statuses[0]
        self.send_response(status)
        for name, value in hook.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(hook.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hook(
    *statuses: int,
    headers: dict[str, str] | None = None,
    body: bytes = b"ok",
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> Iterator[Hook]:
    """A server that answers with these statuses, the last of them from then on."""
    server = Hook(statuses or (200,), headers or {}, body, port)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
