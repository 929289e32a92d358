"""Patterns of messages: CPU time and memory for a million lines of twelve formats, and two new messages.

    python -m bench.patterns                       # 2 million lines, 3 rounds
    python -m bench.patterns --lines 100000 --runs 1

The store is made once, in a temporary directory. Two messages that no earlier line has are planted on the
second day; `--new-since` has to show both, with at most ten other patterns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from uuid import UUID

from bench.search import LOGSRV, peak, run
from bench.table import MARKS
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, save_number, sealed_name

PLANTED = (
    "<11>Nov 20 06:18:42 web3 payd[811]: settlement 8123 refused: the ledger is locked by batch 17",
    '{"level":"error","service":"shop","msg":"cart 4711 has a negative total after coupon"}',
)
CPU_BAR = 5.0
"""CPU seconds for a million lines."""
MEMORY_BAR = 200e6
OTHERS_BAR = 10
_BEGIN = 1_795_132_800.0  # 2026-11-20T00:00:00Z
_DAYS = 2
_SEGMENT = 200_000

_SYSLOG = "<38>Nov 20 06:18:42 web{digit} "
_JAVA = "2026-11-20 06:18:42,{small} INFO  [pool-{digit}-thread-{digit}] "
_POSTGRES = "2026-11-20 06:18:42.{small} UTC [{small}] "
FORMATS: dict[str, tuple[str, ...]] = {
    "access": (
        '{ip} - {user} [20/Nov/2026:06:18:42 +0000] "GET {path} HTTP/1.1" {status} {number} "-" "curl/8"',
    ),
    "sshd": (
        _SYSLOG
        + "sshd[{small}]: Accepted publickey for {user} from {ip} port {small} ssh2: SHA256:{id}",
        _SYSLOG
        + "sshd[{small}]: Failed password for invalid user {short} from {ip} port {small} ssh2",
        _SYSLOG + "sshd[{small}]: Disconnected from user {user} {ip} port {small}",
        _SYSLOG + "sshd[{small}]: pam_unix(sshd:auth): authentication failure; uid=0 rhost={ip}",
    ),
    "cron": ("<78>Nov 20 06:18:42 db{digit} CRON[{small}]: (root) CMD (/usr/bin/{job} --quiet)",),
    "kernel": (
        _SYSLOG + "kernel: [{padded}] usb 1-{digit}: new high-speed USB device number {small}",
        _SYSLOG + "kernel: [{padded}] TCP: Possible SYN flooding on port {small}. Sending cookies.",
        _SYSLOG
        + "kernel: [{padded}] IPv6: ADDRCONF(NETDEV_CHANGE): veth{short}: link becomes ready",
        _SYSLOG
        + "kernel: [{padded}] EXT4-fs (sda{digit}): mounted filesystem with ordered data mode",
    ),
    "JSON": (
        '{{"service":"shop","msg":"order {number} placed by {user}","trace_id":"{id}","ms":{small}}}',
        '{{"service":"shop","msg":"payment of {small}.5 EUR took {small} ms","trace_id":"{id}"}}',
        '{{"service":"shop","msg":"cache miss for key {id}","trace_id":"{id}","ms":{small}}}',
    ),
    "JSON without a message": ('{{"cpu": 0.{small}, "rss": {number}, "host": "web{digit}"}}',),
    "logfmt": (
        'ts=2026-11-20T06:18:42.{small}Z level=info topic={topic} msg="consumed {small} records" n={digit}',
        "ts=2026-11-20T06:18:42.{small}Z level=info topic={topic} msg=rebalancing took={small}ms",
        'ts=2026-11-20T06:18:42.{small}Z level=warn topic={topic} msg="commit failed, will retry"',
    ),
    "Java": (
        _JAVA + "c.e.shop.OrderService - Order {id} accepted",
        _JAVA + "c.e.shop.Stock - reserved {small} of item {number}",
        _JAVA + "o.a.k.c.Consumer - Seeking to offset {number} for partition {topic}-{digit}",
    ),
    "PostgreSQL": (
        _POSTGRES
        + "LOG:  duration: {small}.5 ms  statement: SELECT * FROM items WHERE id = {number}",
        _POSTGRES + 'ERROR:  duplicate key value violates unique constraint "{topic}_pkey"',
        _POSTGRES + "LOG:  checkpoint complete: wrote {small} buffers ({digit}.5%)",
    ),
    "nginx": (
        "2026/11/20 06:18:42 [error] {small}#0: *{number} upstream timed out, client: {ip}, server: shop",
    ),
    "systemd": tuple(
        "<30>1 2026-11-20T06:18:42.{small}Z web{digit} systemd 1 - - " + f"{verb} {{job}}.service."
        for verb in ("Started", "Finished", "Starting")
    ),
    "gateway": ("request {uuid} from 2001:db8::{hex} denied by rule {small}",),
}
_USERS = ("ann", "bob", "carl", "dora", "emil", "fay", "gus", "hana", "ida", "jo", "kim", "lea")
_PATHS = ("/", "/cart", "/api/items/7", "/api/users/4711/orders", "/static/app-3fe8.js", "/health")
_JOBS = ("backup", "rotate", "report", "sync")
_TOPICS = ("orders", "mails", "invoices", "clicks", "returns")


class _RandomValues(dict[str, str]):
    """A value for each name in a format, drawn when it is looked up."""

    def __init__(self, random: Random) -> None:
        bits = random.getrandbits
        self._draw: dict[str, Callable[[], str]] = {
            "digit": lambda: str(bits(3)),
            "small": lambda: str(bits(10)),
            "number": lambda: str(bits(24)),
            "padded": lambda: f"{random.random() * 1e6:12.6f}",
            "hex": lambda: f"{bits(16):x}",
            "short": lambda: f"{bits(28):x}",
            "id": lambda: f"{bits(128):032x}",
            "uuid": lambda: str(UUID(int=bits(128))),
            "ip": lambda: f"203.0.{bits(8)}.{bits(8)}",
            "status": lambda: random.choice(("200", "200", "304", "404", "500")),
            "user": lambda: random.choice(_USERS),
            "path": lambda: random.choice(_PATHS),
            "job": lambda: random.choice(_JOBS),
            "topic": lambda: random.choice(_TOPICS),
        }

    def __missing__(self, name: str) -> str:
        return self._draw[name]()


def stored_lines(number: int, planted: Sequence[str] = PLANTED) -> Iterator[bytes]:
    """Yield lines over two days; the planted messages are once each in the last tenth."""
    random = Random(1)
    values = _RandomValues(random)
    formats = tuple(FORMATS.values())
    step = _DAYS * 86400 / number
    places = {number - 1 - number // 20 * (place + 1): text for place, text in enumerate(planted)}
    for place in range(number):
        if place % 1000 == 0:
            source = f"tcp:10.1.0.{random.randrange(256)}:{random.randrange(20000, 60000)}"
        said = places.get(place) or random.choice(random.choice(formats)).format_map(values)
        yield f"{rfc3339(_BEGIN + place * step)} {source} {said}\n".encode()


def make(directory: Path, number: int) -> None:
    """Fill a new directory with sealed segments of these lines."""
    directory.mkdir(parents=True)
    disk = Disk().open_directory(directory)
    lines = stored_lines(number)
    count = 0
    try:
        while text := b"".join(islice(lines, _SEGMENT)):
            count += 1
            segment = Segment(count, sealed_name(count, _BEGIN + count * 60), Form.PLAIN)
            (directory / segment.name).write_bytes(text)
            seal(segment, disk)
        save_number(count + 1, disk)
    finally:
        disk.close()
    (directory / "current.log").touch()


def new_patterns(directory: Path) -> list[str]:
    """Return the patterns that are new on the second day."""
    words = [str(LOGSRV), "search", "--directory", str(directory), "--patterns", "--utc"]
    words += ["--new-since", rfc3339(_BEGIN + 86400), "--output", "json", "-n", "1000"]
    return [json.loads(line)["pattern"] for line in run(words).output.splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the patterns of a made-up store.")
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--directory", type=Path, help="keep the store here; used again if it is there"
    )
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="logsrv-patterns-") as temporary:
        directory = given.directory or Path(temporary) / "store"
        if not directory.exists():
            make(directory, given.lines)
        return report(directory, given.lines, given.runs)


def report(directory: Path, lines: int, runs: int) -> int:
    """Print the figures beside their bars."""
    command = [str(LOGSRV), "search", "--directory", str(directory), "--patterns"]
    cpu = statistics.median(run(command).cpu for _ in range(runs)) / lines * 1e6
    memory = peak(command)
    new = new_patterns(directory)
    both = sum("ledger" in one or "coupon" in one for one in new)
    met = [cpu <= CPU_BAR, memory <= MEMORY_BAR, both == 2 and len(new) - both <= OTHERS_BAR]
    print(
        f"{lines:,} lines, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median of {runs}\n"
    )
    print(f"CPU for a million lines: {cpu:.2f} s (≤ {CPU_BAR:g}): {MARKS[met[0]]}")
    print(f"peak memory: {memory / 1e6:.0f} MB (≤ {MEMORY_BAR / 1e6:.0f}): {MARKS[met[1]]}")
    print(
        f"new: {both} of the 2 planted, {len(new) - both} others (≤ {OTHERS_BAR}): {MARKS[met[2]]}"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
