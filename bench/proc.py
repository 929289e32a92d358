"""Figures of processes and sockets from Linux's /proc."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

TICKS = os.sysconf("SC_CLK_TCK")
TCP_LISTEN = "0A"


@attrs.define(frozen=True, slots=True)
class Cpu:
    """CPU seconds of all threads of a process, including ended ones."""

    user: float
    system: float

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.user - other.user, self.system - other.system)


def cpu(pid: int) -> Cpu:
    """Return the CPU time of a process. Raises OSError if it has ended."""
    # The second field is the program's name in brackets; it may contain spaces and brackets.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Cpu(int(fields[11]) / TICKS, int(fields[12]) / TICKS)


def scheduled(pid: int) -> float:
    """Return the CPU seconds of all threads that a process has now, as the scheduler counts them.

    It is exact where `cpu` counts in hundredths of a second. Raises OSError if the process has ended.
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def children(pid: int) -> list[int]:
    """Return the running child processes of a process, from all its threads. Raises OSError."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def memory(pid: int, field: str) -> int:
    """Return the memory of a process in bytes; field: "VmRSS" (now) or "VmHWM" (peak). Raises OSError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} has ended")


def descriptors(pid: int) -> int:
    """Return the number of open file descriptors of a process. Raises OSError."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_bound(wire: str, address: str) -> bool:
    """Return true if a process listens at `address`: a path for "unix", else a port; "tls" and "syslog"
    are TCP.

    It reads /proc instead of connecting: the server would count and log a connection.
    """
    wire = "tcp" if wire in ("tls", "syslog") else wire
    lines = Path(f"/proc/net/{wire}").read_text().splitlines()[1:]
    if wire == "unix":
        return any(line.split()[7:8] == [address] for line in lines)
    port = f":{int(address):04X}"
    fields = (line.split() for line in lines)
    return any(f[1].endswith(port) and (wire == "udp" or f[3] == TCP_LISTEN) for f in fields)


def datagrams_dropped(port: str) -> int:
    """Return the number of datagrams that the kernel dropped at the UDP socket bound to `port`."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{int(port):04X}"):
            return int(fields[12])
    return 0
