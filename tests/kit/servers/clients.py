"""Real clients of the servers in this folder: a conversation each, which gets a number of its own."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import ntplib
from pymemcache.client.base import Client as MemcacheClient
from pymodbus.client import ModbusTcpClient
from redis import Redis
from websockets.sync.client import connect

from logsrv.kit.testing.patience import PATIENCE
from tests.programs import program

HOST = "127.0.0.1"


def run(package: str, name: str, *arguments: str | Path) -> str:
    """Run a program of `package` of Debian; return its output. Its status has to be 0."""
    done = subprocess.run(
        [program(name, package), *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def redis_benchmark(ports: Sequence[int]) -> None:
    for depth in ("1", "16"):
        done = run(
            "redis-tools", "redis-benchmark", "-h", HOST, "-p", str(ports[0]), "-q",
            "-t", "set,get,incr", "-n", "1000", "-c", "20", "-P", depth, "-d", "100",
        )  # fmt: skip
        assert done.count("requests per second") == 3 and "rror" not in done, done


def redis(ports: Sequence[int], number: int) -> None:
    with Redis(HOST, ports[0], protocol=2, socket_timeout=PATIENCE) as client:
        value = bytes(range(256)) * (number % 100)
        assert client.set(f"key{number}", value)
        assert client.get(f"key{number}") == value
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(10):
                pipeline.incr(f"count{number}")
            assert pipeline.execute() == list(range(1, 11))
        assert client.delete(f"key{number}", f"count{number}", "nothing") == 2


def memcslap(ports: Sequence[int]) -> None:
    servers = f"--servers={HOST}:{ports[0]}"
    done = run(
        "libmemcached-tools",
        "memcslap",
        servers,
        "--test=mget",
        "--execute-number=2",
        "--initial-load=200",
    )
    assert "Time" in done, done


def memcached(ports: Sequence[int], number: int) -> None:
    with contextlib.closing(MemcacheClient((HOST, ports[0]), timeout=PATIENCE)) as client:
        value = bytes(range(256)) * (number % 100)
        assert client.set(f"key{number}", value, noreply=False)
        assert client.get(f"key{number}") == value
        assert client.delete(f"key{number}", noreply=False)
        assert client.get(f"key{number}") is None


def smtp(ports: Sequence[int], number: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(HOST, ports[0], "client.example", PATIENCE) as client:
        client.starttls(context=context)
        mail = "Subject: hello\r\n\r\n" + "text\r\n.a dot\r\n" * (number % 100)
        refused = client.sendmail("ada@example.org", ["bob@example.org"], mail)
        assert refused == {}


def sntp(ports: Sequence[int], number: int) -> None:
    answer = ntplib.NTPClient().request(HOST, port=ports[0], version=4, timeout=PATIENCE)
    assert (answer.stratum, answer.mode, answer.leap) == (1, 4, 0)
    assert abs(answer.offset) < 1 and answer.delay >= 0


def dig(ports: Sequence[int], number: int) -> None:
    """Ask for the same name over UDP and TCP, which are at ports of their own."""
    for port, how in zip(ports, ("+notcp", "+tcp"), strict=True):
        done = run(
            "bind9-dnsutils", "dig", f"@{HOST}", "-p", str(port), how, "+short", "ada.example"
        )
        assert done == "192.0.2.1\n", done


def modbus(ports: Sequence[int], number: int) -> None:
    with ModbusTcpClient(HOST, port=ports[0], timeout=PATIENCE) as client:
        assert not client.write_register(number, 7, device_id=3).isError()
        assert not client.write_registers(number, [*range(number % 100 + 1)], device_id=3).isError()
        assert client.read_coils(0).isError()


def psql(ports: Sequence[int], number: int) -> None:
    place = f"host={HOST} port={ports[0]} user=ada dbname=words"
    done = run("postgresql-client-15", "psql", place, "-AtX", "-c", f"one {number} grüß")
    assert done == f"one\n{number}\ngrüß\n"


@contextlib.contextmanager
def sic_in(channel: str, nick: str, port: int) -> Iterator[tuple[IO[str], Callable[[str], None]]]:
    """Yield the input of a client of IRC in a channel, and what waits for a text in its output."""
    with subprocess.Popen(
        [program("sic", "sic"), "-h", HOST, "-p", str(port), "-n", nick],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
    ) as client:  # fmt: skip
        assert client.stdin and client.stdout
        output = client.stdout

        def expect(text: str) -> None:
            assert any(text in line for line in output), text

        try:
            expect("Welcome")
            client.stdin.write(f":j {channel}\n")
            expect("JOIN")
            yield client.stdin, expect
        finally:
            client.kill()


def sic(ports: Sequence[int], number: int) -> None:
    channel, ada, bob = f"#room{number}", f"ada{number}", f"bob{number}"
    with (
        sic_in(channel, ada, ports[0]) as (type_ada, ada_expects),
        sic_in(channel, bob, ports[0]) as (type_bob, bob_expects),
    ):
        ada_expects("JOIN")
        type_ada.write("grüß gott, bob\n")
        bob_expects("> grüß gott, bob")
        type_bob.write(f":m {ada} to you alone\n")
        ada_expects("> to you alone")
        type_bob.write(":QUIT\n")
        ada_expects("QUIT")


def websocket(ports: Sequence[int], number: int) -> None:
    with connect(f"ws://{HOST}:{ports[0]}/", open_timeout=PATIENCE, compression=None) as client:
        text = f"<{number}> " + "grüß gott" * (number % 100)
        client.send(text)
        while client.recv(timeout=PATIENCE) != text:
            pass
