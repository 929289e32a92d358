"""A server that takes lines as NDJSON over HTTP, and does what a test wants instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LineReceiver(ThreadingHTTPServer):
    """A server on a free port. messages: of all lines that it took. tokens: what clients have shown.

    status: what it answers. silent: while it is set, it takes nothing and answers nothing.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.messages: list[str] = []
        self.tokens: list[str | None] = []
        self.posts = 0
        self.status = 200
        self.silent = threading.Event()
        self.ended = threading.Event()
        self.connections: list[Any] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"ndjson+http://127.0.0.1:{self.port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LineReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver = self.server
        receiver.posts += 1
        receiver.tokens.append(self.headers["Authorization"])
        if receiver.silent.is_set():
            receiver.ended.wait(60)
            return
        status = receiver.status
        if status == 200:
            receiver.messages += [json.loads(line)["message"] for line in body.splitlines()]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(port: int = 0) -> Iterator[LineReceiver]:
    """A server that takes lines; at the end it lets go of its port and of all connections."""
    server = LineReceiver(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        for connection in server.connections:
            server.shutdown_request(connection)
        server.server_close()
