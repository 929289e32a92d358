"""The messages of parent and child: JSON lines over a UNIX socket, with descriptors.

| from | message | with |
| --- | --- | --- |
| child | `{"files": [path…]}`: what it has loaded, or tried to, and is worth watching | |
| child | `{"loaded": alone}`: could serve now; `alone`: not beside another that serves the same | |
| parent | `go`: serve | |
| child | `{"serving": [key…], "at": [address…]}`: serves; a key is where it listens | the sockets |
| child | `{"reloaded": [key…], "at": [address…]}`: the same, after a reload | the sockets |
| parent | `leave`: another one serves; end | |
| child | `{"left": true}`: was told to end, and accepts nobody any more | |
"""

from __future__ import annotations

import json
import socket
from typing import Any

MOST_DESCRIPTORS = 200
"""Linux passes 253 at a time."""


class MessageChannel:
    """An end of the channel. Messages are small, and there is little to wait for: it blocks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, message: Any, descriptors: list[int] | None = None) -> None:
        socket.send_fds(self._connection, [json.dumps(message).encode() + b"\n"], descriptors or [])

    def receive(self) -> Any:
        """The next message; None at the end of the other side."""
        while b"\n" not in self._received:
            try:
                data, descriptors, *_ = socket.recv_fds(self._connection, 65536, MOST_DESCRIPTORS)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._received += data
            self._descriptors += descriptors
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)

    @property
    def has_message(self) -> bool:
        """Return true if the next message is here already."""
        return b"\n" in self._received

    def take_descriptors(self) -> list[int]:
        """Return the descriptors that came with the messages so far; each is given once."""
        taken, self._descriptors = self._descriptors, []
        return taken

    def close(self) -> None:
        self._connection.close()
