"""PostgreSQL's wire, version 3: a query is answered with a row for each of its words."""

import struct

from logsrv.kit import Connection, PeerError, protocol_plugin

VERSION_3, CANCEL, TLS, GSSAPI = 196_608, 80_877_102, 80_877_103, 80_877_104
LONGEST = 1024 * 1024
TEXT_TYPE = 25


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def body(connection: Connection) -> bytes:
    [size] = struct.unpack("!I", await connection.read_exactly(4))
    if not 4 <= size <= LONGEST:
        raise PeerError(f"a message has 4 to {LONGEST} bytes")
    return await connection.read_exactly(size - 4)


def rows(query: bytes) -> bytes:
    words = query.removesuffix(b"\0").split()
    column = b"word\0" + struct.pack("!IHIhih", 0, 0, TEXT_TYPE, -1, -1, 0)
    cells = (struct.pack("!HI", 1, len(word)) + word for word in words)
    return b"".join(
        [
            message(b"T", struct.pack("!H", 1) + column),
            *(message(b"D", cell) for cell in cells),
            message(b"C", b"SELECT %d\0" % len(words)),
        ]
    )


async def postgres(connection: Connection) -> None:
    connection.tell_errors = False
    while (code := struct.unpack("!I", (await body(connection))[:4])[0]) in (TLS, GSSAPI):
        connection.write(b"N")
    if code != VERSION_3:
        raise PeerError("only version 3 of the protocol is spoken here")
    connection.write(message(b"R", struct.pack("!I", 0)))
    connection.write(message(b"S", b"client_encoding\0UTF8\0"))
    connection.write(message(b"Z", b"I"))
    while kind := await connection.read_some(1):
        text = await body(connection)
        if kind == b"X":
            return
        connection.write(
            rows(text)
            if kind == b"Q"
            else message(b"E", b"SERROR\0C0A000\0Msimple queries only\0\0")
        )
        connection.write(message(b"Z", b"I"))
        await connection.drain()


plugin = protocol_plugin("postgres", postgres, listen="tcp:5432")
