"""A day of a few services: texts whose fields have the values of real ones, for questions about fields.

Lines of all kinds are mixed one by one, as senders send them. A few clients, paths and programs have most
of the lines; a response takes longer on some paths, and the share of errors differs by path. Ids, ports
and messages are new on each line.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

from bench.texts import CLOCK, DEC, HEX, LAST, SENT, SENT_MS, Kind, Words, trace

_CLIENTS = [
    f"{Random(n).choice((10, 84, 91, 178, 203))}.{n * 7 % 251}.{n * 31 % 253}.{n % 249 + 1}"
    for n in range(6000)
]
_words = str.split
_PARTS = _words("orders items carts users search login health invoices stock prices media reviews")
_PATHS = [
    *(f"/api/v{n % 3 + 1}/{part}" for n, part in enumerate(_PARTS * 3)),
    *(f"/{part}/{view}" for part in _PARTS for view in ("list", "new", "edit", "export")),
    *(
        f"/static/{part}-{n:04x}.{end}"
        for n, part in enumerate(_PARTS * 9)
        for end in ("js", "css")
    ),
]
_AGENTS = [
    *(
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
        for n in range(118, 134)
        for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7")
    ),
    *(
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0"
        for n in range(115, 134)
    ),
    *("curl/8.5.0", "kube-probe/1.29", "Googlebot/2.1 (+http://www.google.com/bot.html)"),
]
_SERVICES = _words("checkout catalog gateway accounts mailer search billing recommend")
_LEVELS = ("info",) * 14 + ("debug",) * 3 + ("warn",) * 2 + ("error",)
_STATUS = (200,) * 30 + (304,) * 6 + (301, 302, 204, 201, 404, 404, 403, 499, 500, 502, 503)
_HOSTS = [f"{kind}{n}" for kind in ("web", "db", "app", "edge") for n in range(1, 9)]


class _Zipf:
    """A choice in which the n-th value is 1/n as frequent."""

    def __init__(self, values: list[str]) -> None:
        self._values = values
        self._sums = list(accumulate(1 / n for n in range(1, len(values) + 1)))

    def one(self, random: Random) -> str:
        return random.choices(self._values, cum_weights=self._sums)[0]


_CLIENT, _PATH, _AGENT = _Zipf(_CLIENTS), _Zipf(_PATHS), _Zipf(_AGENTS)


def _taken(random: Random, path: str) -> str:
    """Return milliseconds as the shortest text: most are short, and some paths are slower."""
    return f"{random.lognormvariate(2.5 + len(path) % 5 / 2, 0.9):.1f}{DEC}{LAST}"


def _status(random: Random, path: str) -> int:
    return (
        random.choice((500, 502, 503, 504))
        if len(path) % 7 == 3 and not random.randrange(12)
        else random.choice(_STATUS)
    )


def web(random: Random, words: Words) -> str:
    """Return a line of a web server's access log."""
    path = _PATH.one(random)
    if not random.randrange(5):
        path += f"?page={random.randrange(1, 20)}"
    method = random.choice(("GET",) * 8 + ("POST", "HEAD"))
    size = f"{random.randrange(1, 10)}{DEC * random.randrange(1, 5)}"
    referer = random.choice(("-", "-", f"https://shop.example/{words.one()}"))
    return (
        f"{_CLIENT.one(random)} - - [20/Nov/2026:{CLOCK} +0000]"
        f' "{method} {path} HTTP/1.1" {_status(random, path)} {size}'
        f' "{referer}" "{_AGENT.one(random)}"'
    )


def api(random: Random, words: Words) -> str:
    """Return a JSON line of a service about a request or a message."""
    level = random.choice(_LEVELS)
    line = (
        f'{{"ts":"{SENT_MS}Z","level":"{level}",'
        f'"service":"{random.choice(_SERVICES)}","trace_id":"{HEX * 32}","span_id":"{HEX * 16}"'
    )
    if random.randrange(3):
        path = _PATH.one(random)
        return (
            f'{line},"method":"{random.choice(("GET", "GET", "POST"))}","path":"{path}",'
            f'"status":{_status(random, path)},"rt":{_taken(random, path)},'
            f'"client":"{_CLIENT.one(random)}","msg":"request served"}}'
        )
    said = " ".join(words.some(random.randint(3, 10)))
    return (
        f'{line},"user_id":{random.randrange(1, 9)}{DEC * 4},"msg":"{said}",'
        f'"attempt":{random.randrange(1, 4)}}}'
    )


def system(random: Random, words: Words) -> str:
    """Return a syslog line of a daemon."""
    client = _CLIENT.one(random)
    program, said = random.choice(
        (
            ("sshd", f"Failed password for {words.one()} from {client} port 5{DEC * 4} ssh2"),
            ("sshd", f"Accepted publickey for {words.one()} from {client} port 4{DEC * 4} ssh2"),
            ("systemd", f"Started {words.one()}.service - {words.one()} {words.one()}."),
            ("CRON", f"(root) CMD (/usr/bin/{words.one()} --quiet)"),
            ("kernel", f"[{DEC * 6}.{DEC * 6}] TCP: request_sock_TCP: Possible SYN flooding."),
            ("dhcpd", f"DHCPACK on {client} to {':'.join([HEX * 2] * 6)} via eth{DEC}"),
            ("postfix/smtpd", f"connect from {words.one()}.example[{client}]"),
        )
    )
    code = random.choice((38, 38, 38, 30, 30, 78, 4, 86, 22, 11, 12))
    return (
        f"<{code}>Nov 20 {CLOCK} {random.choice(_HOSTS)}"
        f" {program}[{random.randrange(1, 10)}{DEC * 3}]: {said}"
    )


def pairs(random: Random, words: Words) -> str:
    """Return a line of keys and values."""
    return (
        f"ts={SENT}Z"
        f" level={random.choice(_LEVELS)} caller={words.one()}.go:{DEC * 3} org=1"
        f" topic={random.choice(_PARTS)} request_id={HEX * 12}"
        f' msg="{" ".join(words.some(random.randint(2, 6)))}"'
        f" bytes={random.randrange(1, 10)}{DEC * random.randint(1, 4)}"
        f" took={_taken(random, 'pairs')}ms"
    )


SERVICES: dict[str, Kind] = {one.__name__: one for one in (web, api, system, pairs, trace)}
_PARTS_OF_ALL: tuple[Kind, ...] = (web,) * 7 + (api,) * 7 + (system,) * 3 + (pairs,) * 2 + (trace,)


def services(random: Random, words: Words) -> str:
    """Return a line of any kind."""
    return random.choice(_PARTS_OF_ALL)(random, words)
