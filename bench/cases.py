"""The catalogue of cases. Each class is a kind of load; `part` returns a smaller one for a quick run."""

from __future__ import annotations

import attrs

QUICK = 4  # a quick run has a quarter of the lines


@attrs.define(frozen=True, slots=True)
class Stream:
    """`lines` lines of `size` bytes (ending included) over `connections`, as fast as possible.

    wire: tcp, tls, unix, or syslog, which is TCP to an input that also takes counted messages (RFC 6587).
    probe_every: milliseconds between marked lines on one more connection, 0 for none.
    """

    name: str
    title: str
    lines: int
    wire: str = "tcp"
    connections: int = 8
    size: int = 100
    variant: str = "plain"
    probe_every: int = 0

    def part(self, divisor: int) -> Stream:
        return attrs.evolve(self, lines=self.lines // divisor)

    def arguments(self) -> list[str]:
        return [
            *("--lines", str(self.lines), "--size", str(self.size)),
            *("--connections", str(self.connections), "--variant", self.variant),
            *("--probe-every", str(self.probe_every)),
        ]


@attrs.define(frozen=True, slots=True)
class Datagrams:
    """Datagrams of `size` bytes, one line each, for `seconds` at each of `rates` per second.

    After the first rate at which a server loses datagrams, higher rates are skipped, except `always`.

    separate: one send for each datagram. Otherwise bursts of 64 by UDP_SEGMENT, which loopback delivers in
    one piece to a receiver with UDP_GRO: then 64 lines cost about as much as one.
    """

    name: str
    title: str
    rates: tuple[int, ...]
    always: int
    seconds: float = 1.0
    size: int = 100
    separate: bool = False

    def part(self, divisor: int) -> Datagrams:
        return attrs.evolve(self, seconds=self.seconds / divisor)


@attrs.define(frozen=True, slots=True)
class Slow:
    """One marked line per second on each of `connections`."""

    name: str
    title: str
    connections: int
    seconds: int

    def part(self, divisor: int) -> Slow:
        return attrs.evolve(self, seconds=max(1, self.seconds // divisor))


@attrs.define(frozen=True, slots=True)
class Idle:
    """`connections` that send nothing."""

    name: str
    title: str
    connections: int

    def part(self, divisor: int) -> Idle:
        return self


Case = Stream | Datagrams | Slow | Idle

CASES: tuple[Case, ...] = (
    Stream("tcp-1", "TCP, 1 connection, 100 bytes", 4_000_000, connections=1),
    Stream("tcp-8", "TCP, 8 connections, 100 bytes", 4_000_000),
    Stream("tcp-500", "TCP, 500 connections, 100 bytes", 4_000_000, connections=500),
    Stream("tcp-20B", "TCP, 8 connections, 20 bytes", 5_000_000, size=20),
    Stream("tcp-1000B", "TCP, 8 connections, 1,000 bytes", 800_000, size=1000),
    Stream("crlf", "TCP, 8 connections, CRLF", 3_000_000, variant="crlf"),
    Stream("utf8", "TCP, 8 connections, UTF-8 text", 3_000_000, variant="utf8"),
    Stream(
        "control",
        "TCP, 8 connections, a control character in 1 of 100",
        3_000_000,
        variant="control",
    ),
    Stream("tls-1", "TLS, 1 connection, 100 bytes", 3_000_000, wire="tls", connections=1),
    Stream("tls-8", "TLS, 8 connections, 100 bytes", 3_000_000, wire="tls"),
    Stream("unix", "UNIX stream, 8 connections, 100 bytes", 3_000_000, wire="unix"),
    Stream(
        "syslog",
        "syslog over TCP, 1 connection",
        4_000_000,
        "syslog",
        connections=1,
        variant="syslog",
    ),
    Stream("syslog-8", "syslog over TCP, 8 connections", 4_000_000, "syslog", variant="syslog"),
    Stream(
        "counted",
        "syslog over TCP, its messages counted, 1 connection",
        3_000_000,
        "syslog",
        connections=1,
        variant="counted",
    ),
    Stream("busy", "TCP, 8 connections, and a marked line every 20 ms", 6_000_000, probe_every=20),
    Datagrams(
        "udp",
        "UDP, datagrams of 100 bytes in bursts of 64, uncut to a receiver with UDP_GRO",
        (200_000, 500_000, 800_000, 1_000_000, 1_200_000, 1_500_000),
        always=500_000,
    ),
    Datagrams(
        "udp-separate",
        "UDP, datagrams of 100 bytes sent one by one",
        (100_000, 200_000, 300_000, 400_000, 500_000),
        always=200_000,
        separate=True,
    ),
    Slow("slow", "TCP, 1,000 connections, one line a second each", 1000, 10),
    Idle("idle", "TCP, 5,000 idle connections", 5000),
)
