"""A chat over WebSocket (RFC 6455): everybody gets every text."""

import struct
from base64 import b64encode
from hashlib import sha1

from logsrv.kit import Connection, PeerError, RunningService, protocol_plugin

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 64 * 1024 - 1
Room = set[Connection]


def room(service: RunningService[object, Room]) -> Room:
    return set()


def frame(opcode: int, data: bytes) -> bytes:
    size = bytes([len(data)]) if len(data) < 126 else struct.pack("!BH", 126, len(data))
    return bytes([0x80 | opcode]) + size + data


async def read_frame(connection: Connection) -> tuple[int, bytes]:
    """Return the opcode and the data of the next frame. Raises PeerError if it is cut in pieces."""
    first, size = await connection.read_exactly(2)
    if first & 0x70 or not first & 0x80 or not size & 0x80:
        raise PeerError("frames are whole and masked, and have no extension")
    size &= 0x7F
    if size == 126:
        [size] = struct.unpack("!H", await connection.read_exactly(2))
    elif size == 127:
        raise PeerError(f"a text has at most {LONGEST} bytes")
    mask = await connection.read_exactly(4)
    data = await connection.read_exactly(size)
    return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


async def chat(connection: Connection[object, Room]) -> None:
    connection.tell_errors = False
    head = await connection.read_until(b"\r\n\r\n", limit=8192, timeout=10)
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    fields = {name.lower(): value.strip() for name, _, value in lines}
    if not (key := fields.get(b"sec-websocket-key")):
        connection.close("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n")
        return
    accept = b64encode(sha1(key + MAGIC).digest())
    connection.write(UPGRADE + b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept)
    peers = connection.service.state
    peers.add(connection)
    try:
        while True:
            opcode, data = await read_frame(connection)
            if opcode == TEXT:
                connection.service.broadcast(frame(TEXT, data), to=peers)
            elif opcode == PING:
                connection.write(frame(PONG, data))
            elif opcode == CLOSE:
                connection.write(frame(CLOSE, data[:2]))
                return
            await connection.drain()
    finally:
        peers.discard(connection)


plugin = protocol_plugin("websocket", chat, state=room, listen="tcp:8765")
