"""SOCKS 5 (RFC 1928): CONNECT to a name or an address, without a password."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address

from twisted.internet.defer import CancelledError

from logsrv.kit import Connection, Link, PeerError, protocol_plugin

VERSION, NO_PASSWORD, CONNECT = 5, 0, 1
IPV4, NAME, IPV6 = 1, 3, 4
GRANTED, UNREACHABLE, NO_COMMAND = 0, 4, 7


def reply(status: int) -> bytes:
    return bytes([VERSION, status, 0, IPV4]) + bytes(6)


async def host(connection: Connection, kind: int) -> str:
    if kind == NAME:
        [size] = await connection.read_exactly(1, timeout=10)
        return (await connection.read_exactly(size, timeout=10)).decode("ascii", "replace")
    if kind not in (IPV4, IPV6):
        raise PeerError("an address is of version 4 or 6, or a name")
    return str(ip_address(await connection.read_exactly(4 if kind == IPV4 else 16, timeout=10)))


async def socks5(connection: Connection) -> None:
    connection.tell_errors = False
    version, methods = await connection.read_exactly(2, timeout=10)
    if version != VERSION or NO_PASSWORD not in await connection.read_exactly(methods, timeout=10):
        raise PeerError("only SOCKS 5 without a password is spoken here")
    connection.write(bytes([VERSION, NO_PASSWORD]))
    _, command, _, kind = await connection.read_exactly(4, timeout=10)
    name = await host(connection, kind)
    port = int.from_bytes(await connection.read_exactly(2, timeout=10), "big")
    if command != CONNECT:
        connection.write(reply(NO_COMMAND))
        return
    host_and_port = f"{name}:{port}".replace(":", "\\:", name.count(":"))
    link = connection.service.connect(f"tcp:{host_and_port}", partial(back, connection))
    try:
        far = await within(10, link, connection)
        connection.write(reply(GRANTED))
        await copy(connection, far)
    except CancelledError:
        connection.write(reply(UNREACHABLE))
    finally:
        link.close()


async def within(seconds: float, link: Link, connection: Connection) -> Connection:
    """Return the far connection; close the link if there is none in time, which raises CancelledError."""
    timer = connection.service.clock.callLater(seconds, link.close)
    try:
        far: Connection = await link.when_connected()
        return far
    finally:
        if timer.active():
            timer.cancel()


async def back(connection: Connection, far: Connection) -> None:
    """Bring back what the far side says; when it has ended, so does the connection."""
    far.tell_errors = far.telnet = False
    await copy(far, connection)
    connection.close()


async def copy(one: Connection, other: Connection) -> None:
    while data := await one.read_some():
        other.write(data)
        await other.drain()


plugin = protocol_plugin("socks5", socks5, listen="tcp:1080")
