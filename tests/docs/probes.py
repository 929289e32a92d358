"""The claims of docs/cookbook.md about echo servers, as functions that check a running one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs

from bench.child import running
from bench.echo.servers import EchoServer
from bench.proc import is_bound, memory
from logsrv.kit.testing.patience import PATIENCE
from tests.ports import free_port

# Seconds that an answer may take on a busy machine, and seconds to wait for an answer that should not come.
NOTHING_COMES = 1.0
FLOOD = 24 << 20
BOUNDED = 10 << 20
CHUNK = b"x" * 99 + b"\n"
BOOM = b"boom"


@attrs.frozen
class Started:
    """An echo server at a port of 127.0.0.1, and its process. patience: seconds for each answer."""

    port: int
    process: subprocess.Popen[bytes]
    patience: float

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), self.patience)

    def echoes(self, client: socket.socket, line: bytes = b"hello\n") -> bool:
        """Return whether a line comes back over this connection."""
        try:
            client.sendall(line)
            return read_line(client) == line
        except OSError:
            return False

    def serves(self) -> bool:
        """Return whether a new connection is served."""
        try:
            with self.connect() as client:
                return self.echoes(client)
        except OSError:
            return False

    def memory(self) -> int:
        """Return the bytes of memory of the server and its children."""
        pids = [self.process.pid, *children(self.process.pid)]
        return sum(memory(pid, "VmRSS") for pid in pids)

    def rests(self) -> bool:
        """Return whether no task runs; on a machine that is busy with something else one may still wait."""
        pids = [self.process.pid, *children(self.process.pid)]
        tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
        return all(_state(task) in "SIZ" for task in tasks)


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        # The task has ended meanwhile.
        return "Z"


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in found.split()]


def read_line(client: socket.socket) -> bytes:
    """Return the next line, or the part of it before the end of the connection. Raises TimeoutError."""
    line = b""
    while not line.endswith(b"\n") and (byte := client.recv(1)):
        line += byte
    return line


def send_until_stuck(server: Started, client: socket.socket, data: bytes, most: int) -> int:
    """Send `data` again and again, at most `most` bytes, until a send blocks; return the bytes sent."""
    chunk, sent = data * (65536 // len(data)), 0
    client.settimeout(NOTHING_COMES)
    with contextlib.suppress(ConnectionError):
        while sent < most:
            try:
                sent += client.send(chunk)
            except TimeoutError:
                if server.rests():
                    break
    return sent


@contextlib.contextmanager
def started(
    server: EchoServer,
    folder: Path,
    *options: str,
    patience: float = PATIENCE,
    asked: Sequence[str] = (),
) -> Iterator[Started]:
    """Run a server and yield it when it is ready. asked: expressions of the errors that it should log."""
    port = free_port()
    environment = server.environment(folder)
    ready = partial(is_bound, "tcp", str(port))
    command = server.command(port, *options)
    with running(command, environment, folder / "said", ready, asked=asked) as process:
        yield Started(port, process, patience)


def second_client(server: Started) -> bool:
    with server.connect() as first:
        return server.echoes(first) and server.serves()


def nobody_waits_for_one_who_does_not_read(server: Started) -> bool:
    with server.connect() as deaf:
        send_until_stuck(server, deaf, CHUNK, FLOOD)
        return server.serves()


def bounded_for_one_who_does_not_read(server: Started) -> bool:
    with server.connect() as deaf:
        assert server.echoes(deaf)
        before = server.memory()
        send_until_stuck(server, deaf, CHUNK, FLOOD)
        return server.memory() - before < BOUNDED


def bounded_for_an_endless_line(server: Started) -> bool:
    with server.connect() as client:
        assert server.echoes(client)
        before = server.memory()
        # A server that closes the connection keeps none of the line.
        sent = send_until_stuck(server, client, b"x", FLOOD)
        return sent < FLOOD or server.memory() - before < BOUNDED


def says_why(server: Started) -> bool:
    with server.connect() as client:
        client.sendall(b"x" * (100 << 10))
        try:
            return b"longer than" in read_line(client)
        except OSError:
            return False


def unfinished_line(server: Started) -> bool:
    with server.connect() as client:
        client.sendall(b"half")
        client.shutdown(socket.SHUT_WR)
        try:
            return read_line(client).rstrip() == b"half"
        except OSError:
            return False


def telnet(server: Started) -> bool:
    will_terminal_type = b"\xff\xfb\x18"
    with server.connect() as client:
        client.sendall(will_terminal_type + b"hello\n")
        return will_terminal_type not in read_line(client)


def reset(server: Started) -> bool:
    for _ in range(3):
        with contextlib.suppress(OSError), server.connect() as client:
            server.echoes(client)
            client.sendall(CHUNK * 1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return server.serves()


def handler_fails(server: Started) -> bool:
    with server.connect() as client, contextlib.suppress(OSError):
        client.sendall(BOOM + b"\n")
        client.recv(1)
    return server.serves()


def term(server: Started) -> bool:
    """A line that arrived before the signal is answered, and the connection is closed in order."""
    with server.connect() as client:
        assert server.echoes(client)
        # The line and the signal both wait when the server continues.
        server.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
        client.sendall(b"last\n")
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        server.process.wait(PATIENCE)
        try:
            return read_line(client) == b"last\n" and client.recv(1) == b""
        except OSError:
            return False


def hangup(server: Started) -> bool:
    with server.connect() as client:
        assert server.echoes(client)
        server.process.send_signal(signal.SIGHUP)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        return server.echoes(client) and server.process.poll() is None


PROBES: Mapping[str, Callable[[Started], bool]] = {
    "serves a second client while the first is silent": second_client,
    "serves others while one client does not read": nobody_waits_for_one_who_does_not_read,
    "bounded memory when a client does not read": bounded_for_one_who_does_not_read,
    "bounded memory when a line never ends": bounded_for_an_endless_line,
    "… and says why it closes": says_why,
    "an unfinished last line comes back, too": unfinished_line,
    "what Telnet negotiates is no text": telnet,
    "survives clients that reset": reset,
    "an error in the handler harms only its client": handler_fails,
    "SIGTERM: what has arrived is answered first": term,
    "SIGHUP: goes on, with connections as they are": hangup,
}
