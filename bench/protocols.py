"""`python -m bench.protocols [--quick]`: the cost of the kit, and the speed of `twistd greet`.

Six comparisons, in turns, medians: lines echoed by LineReceiver and LineProtocol; frames echoed by
Int32StringReceiver and FrameProtocol; replies of text and bytes by LineReceiver and LineProtocol, one at a
time, with TLS and without; visits (connect, a line comes back, either side closes) by LineReceiver and
LineProtocol; a plain Twisted protocol alone and in the kit (connections, chunks); and greeting by `twistd
greet`, asyncio, ThreadingTCPServer and nginx with one worker. CPU time is that of the server's processes.
A line says for each bar whether it is met. `twistd greet` logs a line for each connection and each
disconnection.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs

from bench import child
from bench.bars import at_least
from bench.build import build
from bench.certificate import write_certificate
from bench.proc import cpu, is_bound, memory
from bench.runs import free_port
from bench.servers import DAEMON_PATH, TWISTD
from bench.table import verdict_lines

GREETERS = str(Path(__file__).with_name("greeters.py"))
CHUNK = (b"x" * 99 + b"\n") * 655
# Frames of 100 bytes, four of which are the length.
FRAMES = (b"\0\0\0\x60" + b"x" * 96) * 655
NGINX = """
daemon off; worker_processes 1; pid {work}/pid; error_log {work}/error.log;
{module}
events {{ worker_connections 4096; }}
stream {{
  server {{ listen 127.0.0.1:{port} backlog=1024; return "Thank you for connecting\\r\\n"; }}
}}
"""
MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
KINDS = ["lines", "frames", "replies", "visits", "cost", "greet", "idle"]


@attrs.frozen
class Figure:
    """The result of one run. rate: units (lines, visits …) per second. cpu: CPU µs of the
    server for each.
    """

    rate: float
    cpu: float


def python(kind: str, *, tls: bool = False) -> Callable[[int, Path], list[str]]:
    def command(port: int, work: Path) -> list[str]:
        certificate = [str(write_certificate(work / "certificate.pem"))] if tls else []
        return [sys.executable, GREETERS, kind, str(port), *certificate]

    return command


def greet(*options: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, work: Path) -> list[str]:
        where = f"tcp:{port}:interface=127.0.0.1"
        return [*TWISTD, "-n", "--pidfile=", "greet", "--listen", where, *options]

    return command


def nginx(port: int, work: Path) -> list[str]:
    module = f"load_module {MODULE};" if MODULE.exists() else ""
    conf = work / "nginx.conf"
    conf.write_text(NGINX.format(work=work, module=module, port=port))
    program = shutil.which("nginx", path=DAEMON_PATH) or "nginx"
    return [program, "-c", str(conf), "-p", str(work)]


def can_greet(program: str | None) -> bool:
    """Return true if nginx is installed with its stream module, which serves TCP."""
    if program is None or MODULE.exists():
        return program is not None
    built = subprocess.run([program, "-V"], capture_output=True, text=True).stderr.split()
    return "--with-stream" in built


@contextmanager
def running(command: Callable[[int, Path], list[str]]) -> Iterator[tuple[int, list[int]]]:
    """Run a server; yield its port and the ids of its processes."""
    with tempfile.TemporaryDirectory(prefix="logsrv-bench-") as folder:
        work, port = Path(folder), free_port("tcp")
        ready = partial(is_bound, "tcp", port)
        with child.running(command(int(port), work), {}, work / "said", ready) as process:
            time.sleep(0.2)
            yield int(port), [process.pid, *children(process.pid)]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def used(pids: list[int]) -> float:
    """Return the CPU seconds that the processes have used."""
    return sum(cpu(pid).user + cpu(pid).system for pid in pids)


def visits(command: Callable[[int, Path], list[str]], number: int, *how: str) -> Figure:
    """Measure connections of 100 clients at once, each of which reads until the server closes.

    how: "ask": clients send a line first; "leave": they also close when it came back.
    """
    program = str(build("visits"))
    with running(command) as (port, pids):
        subprocess.run([program, str(port), "2000", "100", *how], check=True, capture_output=True)
        before = used(pids)
        done = subprocess.run(
            [program, str(port), str(number), "100", *how],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, answered = done.stdout.split()
        if int(answered) < number:
            raise SystemExit(f"{number - int(answered)} visitors got no answer")
        return Figure(number / float(seconds), (used(pids) - before) / number * 1e6)


def leaving(command: Callable[[int, Path], list[str]], number: int) -> Figure:
    """Measure clients that send a line, read it back, and close."""
    return visits(command, number, "leave")


def dismissed(command: Callable[[int, Path], list[str]], number: int) -> Figure:
    """Measure clients that send a line; the server answers and closes."""
    return visits(command, number, "ask")


def frames(command: Callable[[int, Path], list[str]], chunks: int) -> Figure:
    """Measure frames of 100 bytes, including their lengths, echoed over one connection."""
    return lines(command, chunks, FRAMES)


def lines(command: Callable[[int, Path], list[str]], chunks: int, chunk: bytes = CHUNK) -> Figure:
    """Measure lines of 100 bytes, echoed over one connection."""
    with running(command) as (port, pids), socket.create_connection(("127.0.0.1", port)) as client:
        wanted = chunks * len(chunk)
        before, start = used(pids), time.perf_counter()
        sender = threading.Thread(target=client.sendall, args=(chunk * chunks,))
        sender.start()
        buffer = bytearray(1 << 20)
        while wanted:
            wanted -= client.recv_into(buffer)
        seconds = time.perf_counter() - start
        sender.join()
        number = chunks * len(chunk) // 100
        return Figure(number / seconds, (used(pids) - before) / number * 1e6)


def replies(command: Callable[[int, Path], list[str]], number: int, *, tls: bool = False) -> Figure:
    """Measure replies of text and bytes over one connection, one request at a time."""
    with running(command) as (port, pids), socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = unchecked().wrap_socket(plain) if tls else plain
        before, start = used(pids), time.perf_counter()
        for _ in range(number):
            client.sendall(b"get key\r\n")
            answer = b""
            while not answer.endswith(b"END\r\n"):
                answer += client.recv(4096)
        return Figure(number / (time.perf_counter() - start), (used(pids) - before) / number * 1e6)


def unchecked() -> ssl.SSLContext:
    """Return a TLS context that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def compare(
    title: str,
    unit: str,
    run: Callable[[Callable[[int, Path], list[str]], int], Figure],
    number: int,
    servers: dict[str, Callable[[int, Path], list[str]]],
    rounds: int,
    bar: float | None = None,
) -> None:
    """Run all servers in turn, `rounds` times, and print the medians.

    bar: the second server must be this many times as fast as the first, by the servers' CPU time.
    """
    figures: dict[str, list[Figure]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, command in servers.items():
            figures[name].append(run(command, number))
    print(
        f"\n{title}\n\n| | {unit}/s | ratio | CPU µs each | ratio |\n| --- | --- | --- | --- | --- |"
    )
    medians = [
        Figure(
            statistics.median(figure.rate for figure in found),
            statistics.median(figure.cpu for figure in found),
        )
        for found in figures.values()
    ]
    first, second, *_ = medians
    for name, found in zip(figures, medians, strict=True):
        print(
            f"| {name} | {found.rate:,.0f} | {found.rate / first.rate:.2f} "
            f"| {found.cpu:.2f} | {found.cpu / first.cpu:.2f} |"
        )
    if bar is not None:
        reference, ours, *_ = figures
        print("\n" + verdict_lines([at_least(bar, ours, reference, first.cpu / second.cpu)]))


def idle(number: int) -> None:
    """Print the memory of an open connection for several servers."""
    print(f"\n{number} open conversations\n\n| | KiB each |\n| --- | --- |")
    for name, command in {
        "a bare Twisted echo": python("twisted-echo"),
        "the same through the kit": python("kit-echo"),
        "LineProtocol": python("kit-lines"),
        "twistd greet --stay": greet("--stay", "--no-log-connections"),
    }.items():
        with running(command) as (port, pids):
            before = memory(pids[0], "VmRSS")
            held = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
            held[-1].sendall(b"hello\n")
            held[-1].recv(100)
            each = (memory(pids[0], "VmRSS") - before) / number / 1024
            print(f"| {name} | {each:.1f} |")
            for connection in held:
                connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.protocols", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", choices=KINDS, help="one comparison")
    chosen = parser.parse_args()
    rounds, scale = (3, 1) if chosen.quick else (5, 3)
    wanted = [chosen.only] if chosen.only else KINDS
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {rounds} rounds, medians")
    if "lines" in wanted:
        servers = {"LineReceiver": python("twisted-lines"), "LineProtocol": python("kit-lines")}
        compare("Lines of 100 bytes, echoed", "lines", lines, 200 * scale, servers, rounds)
    if "frames" in wanted:
        servers = {
            "Int32StringReceiver": python("twisted-frames"),
            "FrameProtocol": python("kit-frames"),
        }
        compare("Frames of 100 bytes, echoed", "frames", frames, 200 * scale, servers, rounds, 1.5)
    if "replies" in wanted:
        for tls, title in ((False, "Replies of text and bytes"), (True, "The same over TLS")):
            servers = {
                "LineReceiver": python("twisted-reply", tls=tls),
                "LineProtocol": python("kit-reply", tls=tls),
            }
            compare(title, "replies", partial(replies, tls=tls), 2000 * scale, servers, rounds)
    if "visits" in wanted:
        servers = {"LineReceiver": python("twisted-lines"), "LineProtocol": python("kit-lines")}
        title = "Visits: connect, a line comes back, the visitor closes"
        compare(title, "visits", leaving, 20000 * scale, servers, rounds, 0.5)
        servers = {"LineReceiver": python("twisted-answer"), "LineProtocol": python("kit-answer")}
        title = "Visits: connect, a line comes back, the server closes"
        compare(title, "visits", dismissed, 20000 * scale, servers, rounds, 0.5)
    if "cost" in wanted:
        pair = {"bare Twisted": python("twisted-greet"), "through the kit": python("kit-greet")}
        compare("One protocol, connections", "connections", visits, 20000 * scale, pair, rounds)
        pair = {"bare Twisted": python("twisted-echo"), "through the kit": python("kit-echo")}
        compare("One protocol, lines in chunks", "lines", lines, 1000 * scale, pair, rounds)
    if "greet" in wanted:
        greeters = {
            "asyncio protocol": python("asyncio-protocol"),
            "twistd greet": greet(),
            "twistd greet --no-log-connections": greet("--no-log-connections"),
            "bare Twisted": python("twisted-greet"),
            "asyncio streams": python("asyncio"),
            "ThreadingTCPServer": python("threads"),
        }
        if can_greet(shutil.which("nginx", path=DAEMON_PATH)):
            greeters["nginx, one worker"] = nginx
        compare("Greeting", "connections", visits, 20000 * scale, greeters, rounds, 1.3)
    if "idle" in wanted:
        idle(5000)


if __name__ == "__main__":
    main()
