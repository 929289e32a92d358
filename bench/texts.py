"""Realistic log texts in any amount: the same seed makes the same bytes.

    python -m bench.texts --kind mix --megabytes 2000 >text.log

Access logs, JSON, syslog, stack traces and logfmt, with the stamps of a store before each line. Words have
natural frequencies (a few are everywhere, most are rare); ids, addresses and numbers are new on each line.
Each kind is made once as pages of 1 MiB; for each further page, NumPy fills new random digits into
placeholders, so that making text is faster than sealing it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import numpy

PAGE = 1 << 20
# The number of different pages: a rare word repeats after this many MiB.
PAGES = 24
# Placeholders in a page: for a random hexadecimal, decimal and base-62 digit, and a decimal one but 0.
HEX, DEC, ANY, LAST = "\x01", "\x02", "\x03", "\x04"
# Runs that become the time at which a line was sent: 26 or 23 characters of RFC 3339, or 8 of its clock.
_SENT = "\x05"
SENT, SENT_MS, CLOCK = _SENT * 26, _SENT * 23, _SENT * 8
_DIGITS = {
    HEX: b"0123456789abcdef",
    DEC: b"0123456789",
    ANY: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    LAST: b"123456789",
}
EPOCH = 1_795_132_800_000_000  # 2026-11-20T00:00:00Z, in microseconds

_SYLLABLES = [
    "an",
    "ar",
    "ba",
    "be",
    "bi",
    "ca",
    "ce",
    "co",
    "da",
    "de",
    "di",
    "do",
    "el",
    "en",
    "er",
    "es",
    "fa",
    "fi",
    "ga",
    "ge",
    "go",
    "ha",
    "he",
    "in",
    "ing",
    "ion",
    "is",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "or",
    "pa",
    "pe",
    "po",
    "pro",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "tor",
    "un",
    "ur",
    "va",
    "ve",
    "vi",
]
_COMMON = [
    "request",
    "response",
    "connection",
    "timeout",
    "user",
    "session",
    "database",
    "query",
    "cache",
    "error",
    "warning",
    "failed",
    "started",
    "stopped",
    "retry",
    "token",
    "service",
    "worker",
    "queue",
    "message",
    "upstream",
    "client",
    "server",
    "handler",
    "config",
    "loaded",
    "invalid",
    "missing",
    "value",
    "index",
    "commit",
    "transaction",
    "lock",
    "thread",
    "memory",
    "limit",
    "exceeded",
    "closed",
    "opened",
]

Array = numpy.ndarray[Any, Any]


class Words:
    """A vocabulary of about `size` words, with natural frequencies: the n-th word is 1/n as frequent."""

    def __init__(self, random: Random, size: int = 40_000) -> None:
        made = {"".join(random.choices(_SYLLABLES, k=random.randint(2, 5))) for _ in range(size)}
        self._words = [*_COMMON, *sorted(made)]
        self._random = random

        self._names = [
            "".join(word.capitalize() for word in self.some(random.randint(2, 3)))
            for _ in range(3000)
        ]

    def name(self) -> str:
        """Return the name of a class."""
        return self._names[int(len(self._names) ** self._random.random()) - 1]

    def some(self, count: int) -> list[str]:
        """Return that many words."""
        size = len(self._words)
        return [self._words[int(size ** self._random.random()) - 1] for _ in range(count)]

    def one(self) -> str:
        """Return a word."""
        return self.some(1)[0]


def _address(random: Random) -> str:
    octets = [random.choice(("1" + DEC * 2, DEC, "9" + DEC, "2" + DEC)) for _ in range(3)]
    return ".".join([random.choice(("10", "172", "192", "203")), *octets])


def _uuid() -> str:
    return "-".join(HEX * size for size in (8, 4, 4, 4, 12))


def access(random: Random, words: Words) -> str:
    """Return a line of a web server's access log."""
    path = "/".join(words.some(random.randint(1, 4)))
    return (
        f"{_address(random)} - - [20/Nov/2026:06:1{DEC}:{random.randint(1, 5)}{DEC} +0000]"
        f' "{random.choice(("GET", "GET", "GET", "POST", "PUT"))} /{path}?id={DEC * 6} HTTP/1.1"'
        f" {random.choice((200, 200, 200, 304, 404, 500))} {DEC * random.randint(3, 5)}"
        f' "https://example.com/{words.one()}"'
        f' "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/1{DEC * 2}.0"'
    )


def json(random: Random, words: Words) -> str:
    """Return a JSON line of a service, with a trace id and a span id."""
    level = random.choice(("info", "info", "debug", "warn", "error"))
    said = " ".join(words.some(random.randint(3, 12)))
    return (
        f'{{"time":"2026-11-20T06:18:42.{DEC * 3}Z","level":"{level}",'
        f'"service":"{words.one()}-api","trace_id":"{HEX * 32}","span_id":"{HEX * 16}",'
        f'"user":1{DEC * 4},"msg":"{said}","duration_ms":1{DEC}.{DEC * 3}}}'
    )


def syslog(random: Random, words: Words) -> str:
    """Return a syslog line of a daemon."""
    said = random.choice(
        (
            f"Failed password for {words.one()} from {_address(random)} port 5{DEC * 4} ssh2",
            f"session opened for user {words.one()}(uid={DEC * 4}) by (uid=0)",
            f"{' '.join(words.some(random.randint(4, 14)))}",
            f"DHCPACK on {_address(random)} to {':'.join([HEX * 2] * 6)} via eth{DEC}",
        )
    )
    return (
        f"<{DEC * 2}>Nov 20 06:18:{random.randint(1, 5)}{DEC} host{DEC * 2} "
        f"{random.choice(('sshd', 'systemd', 'kernel', 'cron', 'dhcpd'))}[{DEC * 5}]: {said}"
    )


def trace(random: Random, words: Words) -> str:
    """Return a line of a stack trace."""
    if random.random() < 0.1:
        return f"java.lang.IllegalStateException: {' '.join(words.some(6))} (request {_uuid()})"
    name = words.name()
    return f"\tat com.example.{words.one()}.{name}.{words.one()}({name}.java:{DEC * 3})"


def logfmt(random: Random, words: Words) -> str:
    """Return a line of keys and values."""
    return (
        f"ts=2026-11-20T06:18:42.{DEC * 6}Z level=info caller={words.one()}.go:{DEC * 3}"
        f' request_id={_uuid()} msg="{" ".join(words.some(random.randint(2, 7)))}"'
        f" bytes={DEC * random.randint(2, 6)} remote={_address(random)} took={DEC * 2}.{DEC * 3}ms"
    )


def requests(random: Random, words: Words) -> str:
    """Return a line with the same keys as all others, each with few values."""
    return (
        f"user={random.choice(('ann', 'bob', 'eve', 'dan', 'joe', 'sue', 'tom', 'kim'))}"
        f" status={random.choice((200, 200, 404, 500))} took={DEC * random.randint(1, 4)}"
        f" path=/{'/'.join(words.some(2))} {' '.join(words.some(3))}"
    )


def uuids(random: Random, words: Words) -> str:
    """Return a line with only an id: the worst case for a word index."""
    return _uuid()


def tokens(random: Random, words: Words) -> str:
    """Return a line with a session's token in base 62."""
    return f"session={ANY * 40} {' '.join(words.some(4))}"


Kind = Callable[[Random, Words], str]
MIX = (access, json, syslog, trace, logfmt)
KINDS: dict[str, tuple[Kind, ...]] = {
    **{kind.__name__: (kind,) for kind in (*MIX, requests, uuids, tokens)},
    "mix": MIX,
}


class _Page:
    """A page, and the positions of its placeholders."""

    def __init__(self, kind: Kind, random: Random, words: Words) -> None:
        lines, size = [], 0
        source = ""
        while size < PAGE:
            if random.random() < 0.02 or not source:
                peer = f"{random.randint(0, 9)}.{random.randint(1, 99)}"
                source = f"tcp:10.1.{peer}:{random.randint(20000, 60999)}"
            line = f"{'0' * 27} {source} {kind(random, words)}\n"
            lines.append(line)
            size += len(line)
        text = numpy.frombuffer("".join(lines).encode("latin-1"), numpy.uint8)
        self.text: Array = text
        self.places = {code: numpy.flatnonzero(text == ord(code)) for code in _DIGITS}
        ends = numpy.flatnonzero(text == ord("\n"))
        self.starts: Array = numpy.concatenate(([0], ends[:-1] + 1))
        self._sent: Array = numpy.flatnonzero(text == ord(_SENT))
        self._lines = numpy.searchsorted(self.starts, self._sent, "right") - 1
        begins = numpy.flatnonzero(numpy.diff(self._sent, prepend=-2) != 1)
        sizes = numpy.diff(begins, append=len(self._sent))
        first = numpy.repeat(begins - 11 * (sizes == len(CLOCK)), sizes)
        self._columns: Array = numpy.arange(len(self._sent)) - first

    def filled(self, number: int, random: numpy.random.Generator, step: int) -> bytes:
        """Return the page as number `number` of a text."""
        text = self.text.copy()
        for code, digits in _DIGITS.items():
            if code == LAST and not len(self.places[code]):
                continue  # Even no bytes are drawn, and the texts of before would be others.
            drawn = numpy.frombuffer(random.bytes(len(self.places[code])), numpy.uint8)
            text[self.places[code]] = _table(digits)[drawn]
        batches = numpy.arange(len(self.starts)) // 4
        moments = EPOCH + number * step + batches * (step * 97 // 400_000)
        text[self.starts[:, None] + numpy.arange(26)] = _stamps(moments)
        text[self.starts + 26] = ord("Z")
        if len(self._sent):
            late = random.integers(100, 50_000, len(moments))
            text[self._sent] = _stamps(moments - late)[self._lines, self._columns]
        return text.tobytes()


def _stamps(moments: Array) -> Array:
    """Return the 26 characters of each time, without its zone."""
    stamps = numpy.datetime_as_string(moments.astype("datetime64[us]")).astype("S26")
    return stamps.view(numpy.uint8).reshape(-1, 26)


def _table(digits: bytes) -> Array:
    return numpy.resize(numpy.frombuffer(digits, numpy.uint8), 256)


def pages(
    kind: str | Sequence[Kind] = "mix", seed: int = 1, *, step: int = 400_000
) -> Iterator[bytes]:
    """Yield pages of whole lines of about 1 MiB, without end. Raises KeyError for an unknown kind.

    kind: a name, or what makes the lines of a page, in turns. step: microseconds from page to page.
    """
    kinds = KINDS[kind] if isinstance(kind, str) else kind
    random = Random(seed)
    words = Words(random)
    made: list[_Page] = []
    fresh = numpy.random.default_rng(seed)
    number = 0
    while True:
        if len(made) < PAGES:
            made.append(_Page(kinds[number % len(kinds)], random, words))
        yield made[number % PAGES].filled(number, fresh, step)
        number += 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a text to stdout."""
    parser = argparse.ArgumentParser(description="Write a text like a log's to stdout.")
    parser.add_argument("--kind", choices=KINDS, default="mix")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--megabytes", type=int, default=256, help="in MiB; the default is 256")
    given = parser.parse_args(arguments)
    for _, page in zip(range(given.megabytes), pages(given.kind, given.seed), strict=False):
        sys.stdout.buffer.write(page)


if __name__ == "__main__":
    main()
