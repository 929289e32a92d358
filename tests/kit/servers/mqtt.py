"""MQTT 3.1.1: messages of quality 0 and 1 to the subscribers of a topic, or of all below one."""

from __future__ import annotations

import struct
from collections import defaultdict

from logsrv.kit import Connection, PeerError, RunningService, protocol_plugin

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
LARGEST = 256 * 1024


class Broker:
    """The subscribers of each topic; `a/#` is all below `a`."""

    def __init__(self, service: RunningService[object, Broker]) -> None:
        self.subscribers: defaultdict[bytes, set[Peer]] = defaultdict(set)

    def receivers(self, topic: bytes) -> set[Peer]:
        levels = topic.split(b"/")
        below = [b"/".join([*levels[:depth], b"#"]) for depth in range(len(levels) + 1)]
        return set().union(*(self.subscribers.get(name, ()) for name in (topic, *below)))

    def leave(self, peer: Peer) -> None:
        for topic in [topic for topic, peers in self.subscribers.items() if peer in peers]:
            self.subscribers[topic].discard(peer)
            if not self.subscribers[topic]:
                del self.subscribers[topic]


Peer = Connection[object, Broker]


async def read_packet(peer: Peer) -> tuple[int, int, bytes]:
    """Return the kind, the flags and the body of the next packet."""
    [first] = await peer.read_exactly(1)
    size = 0
    for shift in (0, 7, 14, 21):
        [byte] = await peer.read_exactly(1)
        size |= (byte & 0x7F) << shift
        if byte < 0x80 and size <= LARGEST:
            return first >> 4, first & 15, await peer.read_exactly(size)
    raise PeerError(f"a packet has at most {LARGEST} bytes")


def packet(kind: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while size > 127:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([kind << 4, *length, size]) + body


def text(body: bytes, at: int) -> tuple[bytes, int]:
    """Return the text at a place, which has its length before it, and the place behind it."""
    if len(body) < at + 2:
        raise PeerError("a packet is too short")
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end], end


async def mqtt(peer: Peer) -> None:
    peer.tell_errors = False
    broker = peer.service.state
    kind, _, _ = await read_packet(peer)
    if kind != CONNECT:
        raise PeerError("a connection begins with CONNECT")
    peer.write(packet(CONNACK, b"\0\0"))
    try:
        while kind != DISCONNECT:
            kind, flags, body = await read_packet(peer)
            if kind == PUBLISH:
                publish(peer, flags >> 1 & 3, body)
            elif kind == SUBSCRIBE:
                subscribe(peer, body)
            elif kind == PINGREQ:
                peer.write(packet(PINGRESP, b""))
            await peer.drain()
    finally:
        broker.leave(peer)


def publish(peer: Peer, quality: int, body: bytes) -> None:
    topic, end = text(body, 0)
    number, end = (body[end : end + 2], end + 2) if quality else (b"", end)
    message = packet(PUBLISH, struct.pack("!H", len(topic)) + topic + body[end:])
    peer.service.broadcast(message, to=peer.service.state.receivers(topic))
    if quality:
        peer.write(packet(PUBACK, number))


def subscribe(peer: Peer, body: bytes) -> None:
    at, granted = 2, b""
    while at < len(body):
        topic, at = text(body, at)
        peer.service.state.subscribers[topic].add(peer)
        at, granted = at + 1, granted + b"\0"
    peer.write(packet(SUBACK, body[:2] + granted))


plugin = protocol_plugin("mqtt", mqtt, state=Broker, listen="tcp:1883")
