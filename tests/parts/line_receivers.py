"""A server that takes lines as NDJSON over HTTP, and does what a test wants instead."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.http_servers import Asked, Told, ToldServer, started


class LineReceiver(ToldServer):
    """A server on a free port. messages: of all lines that it took.

    status: what it answers. silent: while it is set, it takes nothing and answers nothing.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(self._taken, port=port)
        self.messages: list[str] = []
        self.status = 200
        self.silent = threading.Event()
        self.sockets: list[Any] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

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
        if self.silent.is_set():
            self.ended.wait(PATIENCE)
            return Told(hang_up=True)
        if self.status == 200:
            self.messages += [json.loads(line)["message"] for line in asked.body.splitlines()]
        return Told(self.status)


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
