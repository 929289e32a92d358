"""STOMP 1.2: messages to the subscribers of a destination."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import attrs
from twisted.web.http import Request
from twisted.web.resource import Resource

from logsrv.kit import Connection, PeerError, RunningService, protocol_plugin

LARGEST = 256 * 1024


@attrs.frozen
class Message:
    command: str
    headers: dict[str, str]
    body: bytes = b""

    def encode(self) -> bytes:
        lines = [self.command, *(f"{name}:{value}" for name, value in self.headers.items())]
        return "\n".join(lines).encode() + b"\n\n" + self.body + b"\0"


class Broker:
    """The subscribers of each destination, by the name that they gave their subscription."""

    def __init__(self, service: RunningService[object, Broker]) -> None:
        self.service = service
        self.subscribers: defaultdict[tuple[str, str], set[Peer]] = defaultdict(set)
        self.numbers = count(1)

    def send(self, destination: str, body: bytes) -> None:
        headers = {"destination": destination, "message-id": str(next(self.numbers))}
        headers["content-length"] = str(len(body))
        for (to, name), peers in list(self.subscribers.items()):
            if to == destination:
                message = Message("MESSAGE", {**headers, "subscription": name}, body).encode()
                self.service.broadcast(message, to=peers)

    def leave(self, peer: Peer, name: str = "") -> None:
        for key in [key for key in self.subscribers if not name or key[1] == name]:
            self.subscribers[key].discard(peer)
            if not self.subscribers[key]:
                del self.subscribers[key]


Peer = Connection[object, Broker]


async def read_message(peer: Peer, command: str) -> Message:
    """Return the message whose first line was read."""
    headers: dict[str, str] = {}
    while line := await peer.read_line(timeout=10):
        name, _, value = line.partition(":")
        headers.setdefault(name, value)
    size = headers.get("content-length", "")
    if not size:
        body = await peer.read_until(b"\0", limit=LARGEST)
    elif size.isdigit() and int(size) < LARGEST:
        body = await peer.read_exactly(int(size) + 1)
    else:
        raise PeerError(f"a body has at most {LARGEST} bytes")
    return Message(command, headers, body[:-1])


async def stomp(peer: Peer) -> None:
    peer.tell_errors = peer.telnet = False
    broker = peer.service.state
    try:
        async for command in peer:
            # An empty line is a sign of life.
            if command:
                serve(peer, broker, await read_message(peer, command))
                await peer.drain()
    finally:
        broker.leave(peer)


def serve(peer: Peer, broker: Broker, message: Message) -> None:
    headers = message.headers
    match message.command:
        case "CONNECT" | "STOMP":
            peer.write(Message("CONNECTED", {"version": "1.2"}).encode())
        case "SUBSCRIBE":
            broker.subscribers[headers.get("destination", ""), headers.get("id", "")].add(peer)
        case "UNSUBSCRIBE":
            broker.leave(peer, headers.get("id", ""))
        case "SEND":
            broker.send(headers.get("destination", ""), message.body)
        case "DISCONNECT":
            pass
        case _:
            raise PeerError("there is no such command")
    if receipt := headers.get("receipt"):
        peer.write(Message("RECEIPT", {"receipt-id": receipt}).encode())


class Status(Resource):
    """How many subscribe to each destination."""

    isLeaf = True

    def __init__(self, service: RunningService[object, Broker]) -> None:
        super().__init__()
        self._service = service

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        rows = [f"{to} {len(peers)}" for (to, _), peers in self._service.state.subscribers.items()]
        return "".join(f"{row}\n" for row in sorted(rows)).encode()


plugin = protocol_plugin(
    "stomp",
    stomp,
    state=Broker,
    listeners={"status": Status},
    listen=("tcp:61613", "status:tcp:8080:interface=127.0.0.1"),
)
