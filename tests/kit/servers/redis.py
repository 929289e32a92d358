"""Redis: some commands in RESP; a conversation as one function."""

from __future__ import annotations

from logsrv.kit import Connection, PeerError, RunningService, protocol_plugin

MOST_WORDS, LONGEST = 64, 1024 * 1024
Values = dict[bytes, bytes]


def values(service: RunningService[object, Values]) -> Values:
    return {}


async def redis(connection: Connection[object, Values]) -> None:
    connection.tell_errors = False
    while head := await connection.read_some(1):
        if head != b"*":
            raise PeerError("a request is an array")
        words = [await word(connection) for _ in range(await number(connection, MOST_WORDS))]
        connection.write(answer(words, connection.service.state))
        await connection.drain()


async def number(connection: Connection[object, Values], largest: int) -> int:
    text = await connection.read_until(b"\r\n", limit=16)
    if not text[:-2].isdigit() or int(text) > largest:
        raise PeerError(f"a length is a number up to {largest}")
    return int(text)


async def word(connection: Connection[object, Values]) -> bytes:
    if await connection.read_exactly(1) != b"$":
        raise PeerError("a request is an array of texts")
    text = await connection.read_exactly(await number(connection, LONGEST) + 2)
    return text[:-2]


def answer(words: list[bytes], kept: Values) -> bytes:
    match [word.upper() for word in words[:1]] + words[1:]:
        case [b"PING"]:
            return b"+PONG\r\n"
        case [b"SET", key, value]:
            kept[key] = value
            return b"+OK\r\n"
        case [b"GET", key]:
            found = kept.get(key)
            return b"$-1\r\n" if found is None else b"$%d\r\n%b\r\n" % (len(found), found)
        case [b"DEL", *keys]:
            return b":%d\r\n" % sum(kept.pop(key, None) is not None for key in keys)
        case [b"INCR", key]:
            return answer([b"INCRBY", key, b"1"], kept)
        case [b"INCRBY", key, more] if (kept.get(key, b"0") + more).isdigit():
            kept[key] = b"%d" % (int(kept.get(key, b"0")) + int(more))
            return b":%b\r\n" % kept[key]
    return b"-ERR unknown command\r\n"


plugin = protocol_plugin("redis", redis, state=values, listen="tcp:6379")
