"""MQTT 3.1.1: messages of quality 0 and 1 to the subscribers of a topic, or of all below one.

A framer of its own cuts packets out of the bytes.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from logsrv.kit import FrameProtocol, PeerError, RunningService, protocol_plugin

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


class Packet(NamedTuple):
    kind: int
    body: bytes = b""
    flags: int = 0


class Packets:
    """The bytes of a length have seven bits each; the highest bit says that another follows."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rest = b""

    def receive(self, data: bytes) -> Iterator[Packet]:
        data = self.rest + data
        at = 0
        while (found := self.body(data, at)) is not None:
            begin, end = found
            yield Packet(data[at] >> 4, data[begin:end], data[at] & 15)
            at = end
        self.rest = data[at:]

    def body(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return where the body of the packet at a place begins and ends; None if it is not all there."""
        size = 0
        for place, byte in enumerate(data[at + 1 : at + 5]):
            size |= (byte & 0x7F) << 7 * place
            if size > self.most or (place == 3 and byte > 0x7F):
                raise ValueError(f"a packet has at most {self.most} bytes")
            if byte < 0x80:
                begin = at + 2 + place
                return (begin, begin + size) if begin + size <= len(data) else None
        return None

    @staticmethod
    def pack(packet: Packet) -> bytes:
        size, length = len(packet.body), b""
        while size > 127:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([packet.kind << 4, *length, size]) + packet.body


class Broker:
    """The subscribers of each topic; `a/#` is all below `a`."""

    def __init__(self, service: RunningService[object, Broker]) -> None:
        self.subscribers: defaultdict[bytes, set[Mqtt]] = defaultdict(set)

    def receivers(self, topic: bytes) -> set[Mqtt]:
        levels = topic.split(b"/")
        below = [b"/".join([*levels[:depth], b"#"]) for depth in range(len(levels) + 1)]
        return set().union(*(self.subscribers.get(name, ()) for name in (topic, *below)))

    def leave(self, peer: Mqtt) -> None:
        for topic in [topic for topic, peers in self.subscribers.items() if peer in peers]:
            self.subscribers[topic].discard(peer)
            if not self.subscribers[topic]:
                del self.subscribers[topic]


def text(body: bytes, at: int) -> tuple[bytes, int]:
    """Return the text at a place, which has its length before it, and the place behind it."""
    if len(body) < at + 2:
        raise PeerError("a packet is too short")
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end], end


class Mqtt(FrameProtocol[object, Broker, Packet]):
    framing = Packets
    greeted = False

    def frame_received(self, frame: Packet) -> None:
        if self.greeted is (frame.kind == CONNECT):
            raise PeerError("a connection begins with CONNECT, which comes once")
        self.greeted = True
        if frame.kind == CONNECT:
            self.send_frame(Packet(CONNACK, b"\0\0"))
        elif frame.kind == PUBLISH:
            self.publish(frame.flags >> 1 & 3, frame.body)
        elif frame.kind == SUBSCRIBE:
            self.subscribe(frame.body)
        elif frame.kind == PINGREQ:
            self.send_frame(Packet(PINGRESP))
        elif frame.kind == DISCONNECT:
            self.close()

    def publish(self, quality: int, body: bytes) -> None:
        topic, end = text(body, 0)
        number, end = (body[end : end + 2], end + 2) if quality else (b"", end)
        message = Packet(PUBLISH, struct.pack("!H", len(topic)) + topic + body[end:])
        receivers = self.service.state.receivers(topic)
        self.service.broadcast(message, to=receivers)
        if quality:
            self.send_frame(Packet(PUBACK, number))

    def subscribe(self, body: bytes) -> None:
        at, granted = 2, b""
        while at < len(body):
            topic, at = text(body, at)
            self.service.state.subscribers[topic].add(self)
            at, granted = at + 1, granted + b"\0"
        self.send_frame(Packet(SUBACK, body[:2] + granted))

    def connection_lost(self, reason: str) -> None:
        self.service.state.leave(self)


plugin = protocol_plugin("mqtt", Mqtt, state=Broker, listen="tcp:1883")
