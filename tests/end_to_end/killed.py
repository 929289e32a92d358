"""Senders that know which records were acknowledged, over any number of killed servers.

A `Sender` numbers its records, sends them in batches, and notes which were acknowledged. Batches without an
answer when the server died are sent again to the next one, as real clients do. Each record names the
connection that sent it: so a record doubled by a retry differs from one that the server doubles.
"""

import contextlib
import gzip
import json
import random
import re
import signal
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs
import msgpack

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Logger
from tests.parts.messages import packed, window
from tests.parts.store_reader import messages
from tests.parts.waits import join

# A record that a kill has cut off has no `<end>`.
RECORD = re.compile(rb"<(\w+) session (\d+) number (\d+)>x*<end>")


class Speech(Protocol):
    """The client's side of a protocol with acknowledgements, one for each connection.

    window: most batches without an answer at a time. size: records of a batch. hello: the first bytes sent.
    """

    window: int
    size: int
    hello: bytes

    def batch(self, texts: Sequence[str]) -> bytes:
        """Return the bytes of a batch, which is acknowledged as a whole."""

    def acknowledged(self, data: bytes) -> int:
        """Return how many of the oldest unanswered batches are acknowledged by these bytes."""


class BusyError(Exception):
    """The answer asks to send again later: a disk may take longer than a request waits."""


class Relp:
    window = 128
    hello = b"1 open 30 relp_version=0\ncommands=syslog\n"
    size = 1

    def __init__(self) -> None:
        self._sent = self._answered = 1
        self._rest = b""

    def batch(self, texts: Sequence[str]) -> bytes:
        (text,) = texts
        self._sent += 1
        return b"%d syslog %d %b\n" % (self._sent, len(text), text.encode())

    def acknowledged(self, data: bytes) -> int:
        *lines, self._rest = (self._rest + data).split(b"\n")
        before = self._answered
        for line in lines:
            if line.endswith(b" rsp 6 200 OK"):
                self._answered += 1
                assert int(line.split()[0]) == self._answered, "answers are in order"
        return self._answered - before


class Forward:
    window = 8
    hello = b""
    size = 20

    def __init__(self) -> None:
        self._sent = self._answered = 0
        self._unpacker = msgpack.Unpacker()

    def batch(self, texts: Sequence[str]) -> bytes:
        self._sent += 1
        entries = b"".join(msgpack.packb([1_700_000_000, {"message": text}]) for text in texts)
        packed = self._sent % 2
        options = {"chunk": f"c{self._sent}"} | ({"compressed": "gzip"} if packed else {})
        return bytes(
            msgpack.packb(["t", gzip.compress(entries, 1) if packed else entries, options])
        )

    def acknowledged(self, data: bytes) -> int:
        self._unpacker.feed(data)
        found = list(self._unpacker)
        for one in found:
            self._answered += 1
            assert one == {"ack": f"c{self._answered}"}
        return len(found)


class Lumberjack:
    window = 8
    hello = b""
    size = 20

    def __init__(self) -> None:
        self._sent = 0
        self._rest = b""

    def batch(self, texts: Sequence[str]) -> bytes:
        head = window(number=len(texts))
        frames = window(*(json.dumps({"message": text}).encode() for text in texts))[len(head) :]
        self._sent += 1
        return head + (packed(frames, 1) if self._sent % 2 else frames)

    def acknowledged(self, data: bytes) -> int:
        self._rest += data
        count = len(self._rest) // 6
        assert self._rest[: 6 * count] == (b"2A" + struct.pack(">I", self.size)) * count
        self._rest = self._rest[6 * count :]
        return count


class Http:
    """HTTP: lines, compressed JSON, a push of Loki and a bulk request in turns."""

    window = 1
    hello = b""
    size = 20

    def __init__(self) -> None:
        self._sent = 0
        self._rest = b""

    def batch(self, texts: Sequence[str]) -> bytes:
        self._sent += 1
        path, kind, more = "/", "application/json", ""
        match self._sent % 4:
            case 0:
                kind, body = "text/plain", "\n".join(texts).encode()
            case 1:
                body, more = (
                    gzip.compress(json.dumps(texts).encode(), 1),
                    "Content-Encoding: gzip\r\n",
                )
            case 2:
                path = "/loki/api/v1/push"
                values = [[str(10**18), text] for text in texts]
                body = json.dumps({"streams": [{"stream": {}, "values": values}]}).encode()
            case _:
                path = "/_bulk"
                pairs = [f'{{"create": {{}}}}\n{json.dumps({"m": text})}\n' for text in texts]
                body = "".join(pairs).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{more}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def acknowledged(self, data: bytes) -> int:
        self._rest += data
        head, ended, body = self._rest.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if not ended or (length and len(body) < int(length[1])):
            return 0
        self._rest = body[int(length[1]) :] if length else body
        if head[:12] == b"HTTP/1.1 503":
            raise BusyError
        assert head[:10] == b"HTTP/1.1 2", head
        return 1


SPEECHES: dict[str, type[Speech]] = {
    "relp": Relp, "forward": Forward, "lumberjack": Lumberjack, "http": Http,
}  # fmt: skip
LISTEN = [f"{name}:tcp:0:interface=127.0.0.1" for name in SPEECHES]
"""Where a server listens for all of them. Senders find their ports by this order."""


@attrs.define
class Session:
    """A connection: it sent the batches `began` to `sent`; those up to `acknowledged` are acknowledged."""

    began: int
    acknowledged: int
    sent: int


class Sender:
    """A client that continues with the next server after the last one died."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.failure: BaseException | None = None
        self.acknowledged = 0
        self._sent = 0
        self._sessions: list[Session] = []
        self._thread = threading.Thread()

    def start(self, server: Logger, *, to_the_end: bool = False) -> None:
        """Send over a new connection until it breaks; with `to_the_end` only the batches sent before."""
        most = self._sent if to_the_end else 1 << 62
        port = server.ports()[list(SPEECHES).index(self.kind)]
        self._thread = threading.Thread(target=self._send, args=(port, most), name=self.kind)
        self._thread.start()

    def finish(self) -> None:
        """Wait until the thread ends; raise the exception if an answer was wrong."""
        join(self._thread)
        if self.failure is not None:
            raise self.failure

    def _send(self, port: int, most: int) -> None:
        try:
            while self.acknowledged < most:
                self._sessions.append(Session(*3 * [self.acknowledged]))
                with (
                    contextlib.suppress(BusyError),
                    socket.create_connection(("127.0.0.1", port), PATIENCE) as connection,
                ):
                    self._talk(connection, most)
        except OSError:
            pass
        except BaseException as error:
            self.failure = error

    def _talk(self, connection: socket.socket, most: int) -> None:
        speech, session = SPEECHES[self.kind](), self._sessions[-1]
        connection.sendall(speech.hello)
        while self.acknowledged < most:
            while session.sent < min(self.acknowledged + speech.window, most):
                session.sent += 1
                self._sent = max(self._sent, session.sent)
                connection.sendall(speech.batch(self._texts(session.sent - 1)))
            data = connection.recv(65536)
            if not data:
                raise ConnectionError
            self.acknowledged += speech.acknowledged(data)
            session.acknowledged = self.acknowledged

    def _texts(self, batch: int) -> list[str]:
        size = SPEECHES[self.kind].size
        return [
            f"<{self.kind} session {len(self._sessions)} number {number}>{'x' * (number % 300)}<end>"
            for number in range(batch * size, (batch + 1) * size)
        ]

    def assert_stored(
        self, found: Mapping[tuple[str, int], list[int]], *, several: bool = False
    ) -> None:
        """Check the stored numbers by kind and session: all acknowledged records, and only sent ones.

        several: whether they are of several stores, of which a kill may have left one behind the others.
        """
        size = SPEECHES[self.kind].size
        for index, session in enumerate(self._sessions, 1):
            numbers = found.get((self.kind, index), [])
            began = session.began * size
            if several:
                safe = (session.acknowledged - session.began) * size
                numbers = [*range(began, began + safe), *(n for n in numbers if n >= began + safe)]
                assert numbers == sorted(set(found.get((self.kind, index), []))), "lost or doubled"
                assert not numbers or numbers[-1] < session.sent * size
                continue
            assert numbers == list(range(began, began + len(numbers))), "lost, doubled or mixed"
            assert len(numbers) >= (session.acknowledged - session.began) * size, "lost"
            assert len(numbers) <= (session.sent - session.began) * size


def send_over_kills(
    server: Logger, senders: Sequence[Sender], kills: int, choose: random.Random, *, least: int = 1
) -> None:
    """Kill a server so many times while all send; then start it, get all answers, and stop it.

    least: the fewest acknowledgements that one of the senders gets between two kills.
    """
    for kill in range(kills):
        if kill:
            server.start().ready()
        for sender in senders:
            sender.start(server)
        _wait_for_acknowledgements(
            server, senders, choose.choice(senders), choose.randint(least, 30)
        )
        server.send_signal(signal.SIGKILL)
        server.wait()
        for sender in senders:
            sender.finish()
    server.start().ready()
    for sender in senders:
        sender.start(server, to_the_end=True)
    for sender in senders:
        sender.finish()
    assert server.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log()


def _wait_for_acknowledgements(
    server: Logger, senders: Sequence[Sender], late: Sender, more: int
) -> None:
    wanted = late.acknowledged + more
    server.wait_until(
        lambda: late.acknowledged >= wanted or any(sender.failure for sender in senders),
        "acknowledgements",
    )


def assert_stored(senders: Iterable[Sender], store: Path) -> None:
    """Check a store: no session has a gap or a record twice, and no acknowledged record is lost."""
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for message in messages(store):
        match = RECORD.search(message)
        if match is not None:
            found[match[1].decode(), int(match[2])].append(int(match[3]))
    for sender in senders:
        sender.assert_stored(found)
