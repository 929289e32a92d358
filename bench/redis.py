"""CPU per request of Redis servers: the kit's `handle` and own framing, beside asyncio and plain Twisted.

    python -m bench.redis [ROUNDS]

Then the figures of `bench.requests`: lines, greetings and idle connections.

redis-benchmark sends to each server in turns, over 50 connections. The figure is the server's CPU for a
request, from /proc; the best of the turns counts, since the machine may be busy.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

KINDS = ("handle", "framing", "streams", "protocol", "twisted")
# The command, and the requests that a client sends at once.
CASES = (("set", 1), ("get", 1), ("set", 16), ("get", 16))
REQUESTS = {1: 20_000, 16: 100_000}
TICK = os.sysconf("SC_CLK_TCK")


def used(pid: int) -> float:
    """Return the CPU seconds of a process."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def main(rounds: int = 3) -> int:
    program = shutil.which("redis-benchmark")
    if program is None:
        print("redis: skipped, redis-benchmark is not installed (apt install redis-tools)")
        return 0
    servers: dict[str, tuple[subprocess.Popen[str], int]] = {}
    best: dict[tuple[str, int, str], float] = {}
    try:
        for kind in KINDS:
            place = port()
            command = [sys.executable, "-m", "bench.redis_servers", kind, str(place)]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
            servers[kind] = server, place
        for _ in range(rounds):
            for command_name, at_once in CASES:
                for kind, (server, place) in servers.items():
                    before = used(server.pid)
                    subprocess.run(
                        [
                            *(program, "-p", str(place), "-c", "50", "-q", "-t", command_name),
                            *("-n", str(REQUESTS[at_once]), "-P", str(at_once)),
                        ],
                        check=True,
                        capture_output=True,
                    )
                    spent = (used(server.pid) - before) / REQUESTS[at_once] * 1e6
                    key = command_name, at_once, kind
                    best[key] = min(spent, best.get(key, spent))
    finally:
        for server, _ in servers.values():
            server.kill()
            server.wait()
    print("µs of CPU for a request, the best of the turns; in brackets ÷ asyncio streams")
    print(f"{'':8}" + "".join(f"{kind:>16}" for kind in KINDS))
    for command_name, at_once in CASES:
        row = [best[command_name, at_once, kind] for kind in KINDS]
        streams = row[KINDS.index("streams")]
        cells = "".join(f"{one:>9.1f} ({one / streams:.2f})" for one in row)
        print(f"{command_name.upper()} × {at_once:<2}{cells}")
    command = [sys.executable, "-m", "bench.requests", str(rounds)]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
