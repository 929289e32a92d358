"""SOCKS 5 (RFC 1928): CONNECT to a name or an address, without a password."""

from ipaddress import ip_address

from logsrv.kit import (
    Connection,
    DialError,
    PeerError,
    deadline,
    protocol_plugin,
    relay,
)

VERSION, NO_PASSWORD, CONNECT = 5, 0, 1
IPV4, NAME, IPV6 = 1, 3, 4
GRANTED, UNREACHABLE, NO_COMMAND = 0, 4, 7


def reply(status: int) -> bytes:
    return bytes([VERSION, status, 0, IPV4]) + bytes(6)


async def host(connection: Connection, kind: int) -> str:
    if kind == NAME:
        [size] = await connection.read_exactly(1)
        return (await connection.read_exactly(size)).decode("ascii", "replace")
    if kind not in (IPV4, IPV6):
        raise PeerError("an address is of version 4 or 6, or a name")
    return str(ip_address(await connection.read_exactly(4 if kind == IPV4 else 16)))


async def asked(connection: Connection) -> tuple[int, str, int]:
    """Return the command, the host and the port."""
    version, methods = await connection.read_exactly(2)
    if version != VERSION or NO_PASSWORD not in await connection.read_exactly(methods):
        raise PeerError("only SOCKS 5 without a password is spoken here")
    connection.write(bytes([VERSION, NO_PASSWORD]))
    _, command, _, kind = await connection.read_exactly(4)
    name = await host(connection, kind)
    return command, name, int.from_bytes(await connection.read_exactly(2), "big")


async def socks5(connection: Connection) -> None:
    connection.tell_errors = False
    async with deadline(10, "the request"):
        command, name, port = await asked(connection)
    if command != CONNECT:
        connection.write(reply(NO_COMMAND))
        return
    host_and_port = f"{name}:{port}".replace(":", "\\:", name.count(":"))
    try:
        far = await connection.service.dial(f"tcp:{host_and_port}", timeout=10)
    except DialError:
        connection.write(reply(UNREACHABLE))
        return
    connection.write(reply(GRANTED))
    await relay(connection, far)


plugin = protocol_plugin("socks5", socks5, listen="tcp:1080")
