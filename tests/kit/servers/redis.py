"""Redis: some commands in RESP; a framer of its own cuts them out of the bytes."""

from collections.abc import Iterator
from typing import Any

from logsrv.kit import FrameProtocol, RunningService, protocol_plugin

MOST_WORDS, LONGEST_HEAD = 64, 32
Values = dict[bytes, bytes]


class Resp:
    """A command is a list of words; an answer is a line, a number, a word, or None."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rest = b""

    def receive(self, data: bytes) -> Iterator[list[bytes]]:
        self.rest += data
        at = 0
        while (command := self.command(at)) is not None:
            at, words = command
            yield words
        self.rest = self.rest[at:]

    def command(self, at: int) -> tuple[int, list[bytes]] | None:
        words: list[bytes] = []
        if (head := self.head(at, b"*", MOST_WORDS)) is None:
            return None
        at, count = head
        while len(words) < count:
            if (head := self.head(at, b"$", self.most)) is None or sum(head) + 2 > len(self.rest):
                return None
            words.append(self.rest[head[0] : sum(head)])
            at = sum(head) + 2
        return at, words

    def head(self, at: int, mark: bytes, largest: int) -> tuple[int, int] | None:
        """Return the place behind a line of a mark and a number, and the number."""
        end = self.rest.find(b"\r\n", at, at + LONGEST_HEAD)
        if end < 0 and len(self.rest) < at + LONGEST_HEAD:
            return None
        text = self.rest[at + 1 : end]
        if self.rest[at : at + 1] != mark or not text.isdigit() or int(text) > largest:
            raise ValueError(f"{mark.decode()} and a number up to {largest} have to come")
        return end + 2, int(text)

    @staticmethod
    def pack(answer: str | int | bytes | None) -> bytes:
        match answer:
            case str():
                return f"{answer}\r\n".encode()
            case int():
                return b":%d\r\n" % answer
            case bytes():
                return b"$%d\r\n%b\r\n" % (len(answer), answer)
        return b"$-1\r\n"


def values(service: RunningService[object, Values]) -> Values:
    return {}


class Redis(FrameProtocol[object, Values, Any]):
    framing = Resp

    def frame_received(self, frame: list[bytes]) -> None:
        self.send_frame(answer(frame, self.service.state))


def answer(words: list[bytes], kept: Values) -> str | int | bytes | None:
    match [word.upper() for word in words[:1]] + words[1:]:
        case [b"PING"]:
            return "+PONG"
        case [b"SET", key, value]:
            kept[key] = value
            return "+OK"
        case [b"GET", key]:
            return kept.get(key)
        case [b"DEL", *keys]:
            return sum(kept.pop(key, None) is not None for key in keys)
        case [b"INCR", key]:
            return answer([b"INCRBY", key, b"1"], kept)
        case [b"INCRBY", key, more] if (kept.get(key, b"0") + more).isdigit():
            kept[key] = b"%d" % (int(kept.get(key, b"0")) + int(more))
            return int(kept[key])
    return "-ERR unknown command"


plugin = protocol_plugin("redis", Redis, state=values, listen="tcp:6379")
