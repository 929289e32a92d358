"""A server of NATS that lies: it speaks the protocol, and answers what the test has thought of."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import attrs

from logsrv.linelog.store.packed_block import PackedBlock
from tests.parts.waits import join

INFO: dict[str, object] = {"headers": True, "max_payload": 1 << 20, "version": "2.15.1"}
CONFIG: dict[str, object] = {"name": "LOGS", "subjects": ["logs.*"], "storage": "file"}


def message(
    sid: bytes, subject: bytes, data: bytes, reply: bytes = b"", headers: bytes = b""
) -> bytes:
    """Return a message as a server sends it. headers: with their first line and their end."""
    words = [word for word in (b"HMSG" if headers else b"MSG", subject, sid, reply) if word]
    sizes = [b"%d" % len(headers)] * bool(headers) + [b"%d" % (len(headers) + len(data))]
    return b"%b\r\n%b%b\r\n" % (b" ".join(words + sizes), headers, data)


def stream_info(*origins: str, **more: Any) -> dict[str, Any]:
    """What an honest server says of a stream with a block of each of these stores."""
    subjects = {f"logs.{origin}": 1 for origin in origins}
    state = {"subjects": subjects, "first_seq": 1, "last_seq": len(origins)}
    return {"config": CONFIG, "state": state, "total": len(origins), **more}


def raw_headers(headers: Mapping[str, str]) -> bytes:
    """Return headers as they stand before a message."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


@attrs.frozen
class Question:
    """A question of a client: the subject, the body and the subscription of the answer."""

    subject: str
    body: bytes
    sid: bytes
    reply: bytes
    connection: socket.socket = attrs.field(repr=False)

    def answer(self, data: object, *, ack: str = "", headers: bytes = b"") -> None:
        """Answer with bytes, or with what JSON makes of a value."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send(message(self.sid, self.reply, raw, ack.encode(), headers))

    def send(self, raw: bytes) -> None:
        with suppress(OSError):
            self.connection.sendall(raw)


@attrs.define(eq=False)
class Liar:
    """A server whose answers are made by a function; it may raise OSError to end the connection."""

    answer: Callable[[Question], None]
    info: bytes = attrs.field(factory=lambda: b"INFO %b\r\n" % json.dumps(INFO).encode())
    behind: bytes = b""
    """What follows the first PONG of each connection."""
    port: int = 0
    connections: int = 0

    def serve(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            connection.sendall(self.info)
            subscribed: dict[bytes, bytes] = {}
            behind = self.behind
            for line in lines:
                words = line.split()
                if words[:1] == [b"PING"]:
                    connection.sendall(b"PONG\r\n" + behind)
                    behind = b""
                elif words[:1] == [b"SUB"]:
                    subscribed[words[1].rstrip(b"*")] = words[-1]
                elif words and words[0] in (b"PUB", b"HPUB"):
                    self._asked(connection, lines, words, subscribed)

    def _asked(
        self,
        connection: socket.socket,
        lines: BinaryIO,
        words: list[bytes],
        subscribed: dict[bytes, bytes],
    ) -> None:
        body = lines.read(int(words[-1]) + 2)[:-2]
        if words[0] == b"HPUB":
            body = body[int(words[-2]) :]
        reply = words[2] if len(words) > (3 if words[0] == b"PUB" else 4) else b""
        sid = next((sid for one, sid in subscribed.items() if reply.startswith(one)), b"0")
        self.answer(Question(words[1].decode(), body, sid, reply, connection))


@contextmanager
def lying_server(answer: Callable[[Question], None], **more: Any) -> Iterator[Liar]:
    """Run a server that lies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        liar = Liar(answer, port=server.getsockname()[1], **more)
        thread = threading.Thread(target=liar.serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield liar
        finally:
            server.shutdown(socket.SHUT_RDWR)
            join(thread)


@attrs.define(eq=False)
class HonestStream:
    """The answers of an honest server whose stream has one block, behind a number of lies.

    about: the part of the subject of what it lies about; lie: makes the lie.
    """

    block: PackedBlock
    about: str = ""
    lie: Callable[[Question], None] | None = None
    lies: int = 2
    # The number of the message that a consumer begins with.
    begin: int = 1

    def __call__(self, question: Question) -> None:
        if self.lie is not None and self.about in question.subject and self.lies > 0:
            self.lies -= 1
            self.lie(question)
        elif "STREAM.INFO" in question.subject:
            question.answer(stream_info(self.block.store))
        elif "CONSUMER.CREATE" in question.subject:
            self.begin = json.loads(question.body)["config"].get("opt_start_seq", 1)
            question.answer({"name": "c1", "num_pending": int(self.begin == 1)})
        elif "MSG.NEXT" in question.subject and self.begin == 1:
            self.begin = 2
            headers = raw_headers(self.block.headers())
            question.answer(self.block.packed, ack="$JS.ACK.LOGS.c1.1.1.1.0.0", headers=headers)


JUNK: list[object] = [
    [],
    None,
    1,
    "boo",
    {},
    b"no JSON",
    b"\xff",
    b"[" * 100_000,
    b'{"state":' * 50_000,
    b'{"state":' + b"9" * 5000 + b"}",
    b'{"a":[' + b"[]," * 1_000_000 + b"[]]}",
    {"error": [1]},
    {"error": {"err_code": "x", "description": {"a": [1]}}},
    {"error": {"err_code": 2**70, "description": "\x1b[31m" * 1000}},
]
