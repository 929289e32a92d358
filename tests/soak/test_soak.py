"""Hours of a daemon in minutes: what it keeps after its users have left does not grow.

LOGSRV_SOAK_HOURS: of its time, two by default. Its clocks run twenty times as fast: sitecustomize.py.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import attrs
import msgpack
import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.http_servers import hook

pytestmark = [pytest.mark.long, pytest.mark.nightly]

SPEED = 20
HOURS = float(os.environ.get("LOGSRV_SOAK_HOURS", 2))
# Of the daemon's time, in seconds: in a break everything is forgotten that is remembered for a while.
ROUND, BREAK = 120, 900
PARTS = 4
# What may be more by chance in the last part.
SLACK = 5
TOKEN = "a-token-of-the-soak"
INPUTS = ("lines", "syslog", "relp", "forward", "gelf", "http")
CONFIG = """
listen = [{listens}]
directory = "store"
rotate-size = "128KiB"
rotate-every = "10m"
keep-bytes = "64KiB"
ship-at-most = "32KiB"
http = ["{loopback}"]
http-token-file = "token"
max-connections-per-peer = 50
log-connections = true
ship = ["syslog://127.0.0.1:{sink}"]
alert-every = "1m"
alert-webhook = "{hook}"
[[alerts]]
alert = "level>=error"
alert-webhook = "http://127.0.0.1:{sink}/"
[[alerts]]
alert = "level=* | count > 5 in 1m by user"
"""
# These remember users without a time, up to this many.
MEMORIES = {"logsrv.linelog.fields.stored_line.Source": 10_000}


@attrs.frozen
class Snapshot:
    """What a daemon and its children keep: entries of containers, numbers of objects; resident bytes."""

    sizes: dict[str, int]
    memory: int


class Users:
    """The users of a daemon, by a seed. server: with the config of the soak."""

    def __init__(self, server: Logger, sink: socket.socket) -> None:
        self._server, self._sink = server, sink
        self._ports = server.ports()
        self._chance = random.Random(56)
        self._numbers = itertools.count(1)
        self._viewers: list[socket.socket] = []

    def make_round(self) -> None:
        """Let users of every kind come, and leave in every way."""
        began = time.monotonic()
        steps: list[Callable[[], object]] = [
            *[self._send] * 12, *[self._leave_early] * 12, *[self._view] * 4, *[self._ask] * 4,
            *[self._guess] * 3, *[self._send_datagrams] * 4, self._take_what_is_shipped,
        ]  # fmt: skip
        self._chance.shuffle(steps)
        for step in steps:
            # The daemon may end a connection whose time is over: its seconds are short.
            with contextlib.suppress(OSError):
                step()
        if not self._chance.randrange(4):
            self._reload()
        time.sleep(max(0.0, began + ROUND / SPEED - time.monotonic()))

    def leave(self) -> None:
        """Let all users go."""
        self._take_what_is_shipped()
        while self._viewers:
            self._viewers.pop().close()

    def _connect(self, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """Connect from an address that nobody had."""
        number = next(self._numbers)
        made = socket.socket(socket.AF_INET, kind)
        made.settimeout(PATIENCE)
        made.bind((f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255 or 1}", 0))
        made.connect(("127.0.0.1", port))
        return made

    def _message(self, kind: str) -> bytes:
        number = next(self._numbers)
        level, rest = self._chance.choice(["info", "error"]), self._chance.randbytes(400).hex()
        text = f"level={level} user=u{number} {rest}"
        if kind == "syslog":
            return f"<13>Nov 20 06:18:42 host{number} app{number}: {text}\n".encode()
        if kind == "relp":
            frame = f"<13>Nov 20 06:18:42 host app{number}: {text}"
            offers = "relp_version=0\ncommands=syslog"
            return f"1 open {len(offers)} {offers}\n2 syslog {len(frame)} {frame}\n".encode()
        if kind == "forward":
            packed: bytes = msgpack.packb(
                [f"tag{number}", [[number, {"message": text}]], {"chunk": "a"}]
            )
            return packed
        if kind == "gelf":
            return (
                json.dumps({"version": "1.1", "host": "h", "short_message": text}).encode() + b"\0"
            )
        if kind == "http":
            head = f"POST /lines HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(text) + 1}\r\n\r\n"
            return f"{head}{text}\n".encode()
        return f"{text}\n".encode()

    def _input(self) -> tuple[str, int]:
        at = self._chance.randrange(len(INPUTS))
        return INPUTS[at], self._ports[at]

    def _send(self) -> None:
        kind, port = self._input()
        with self._connect(port) as connection:
            connection.sendall(self._message(kind) * self._chance.choice([1, 20]))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

    def _leave_early(self) -> None:
        kind, port = self._input()
        connection = self._connect(port)
        message = self._message(kind)
        connection.sendall(message[: self._chance.randrange(len(message))])
        self._go(connection)

    def _go(self, connection: socket.socket) -> None:
        if self._chance.randrange(2):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def _send_datagrams(self) -> None:
        *_, syslog, gelf, _ = self._ports
        with self._connect(syslog, socket.SOCK_DGRAM) as one:
            one.send(self._message("syslog"))
        with self._connect(gelf, socket.SOCK_DGRAM) as one:
            # The first of two chunks.
            one.send(b"\x1e\x0f%b\0\x02{" % self._chance.randbytes(8))

    def _view(self) -> None:
        query = quote(self._chance.choice(["", f"user=u{next(self._numbers)}", "level>=error"]))
        joined = self._chance.choice(["", "&join=1"])
        connection = self._request(f"/api/tail?q={query}{joined}", TOKEN)
        connection.recv(1 << 16)
        if self._chance.randrange(3):
            self._go(connection)
            return
        self._viewers.append(connection)
        if len(self._viewers) > 5:
            self._go(self._viewers.pop(0))

    def _ask(self) -> None:
        path = self._chance.choice(
            [
                f"search?q=u{next(self._numbers)}",
                "search?q=user",
                "top?field=user",
                "histogram?q=",
                "fields?q=",
                "sources?",
                "stats?",
                "table?q=%7C+count+by+user",
                "patterns?q=",
            ]
        )
        with self._request(f"/api/{path}", TOKEN) as connection:
            # Some do not wait for the answer.
            if self._chance.randrange(4):
                while connection.recv(1 << 16):
                    pass

    def _guess(self) -> None:
        with self._request("/api/stats", f"wrong{next(self._numbers)}") as connection:
            connection.recv(1 << 16)

    def _request(self, path: str, token: str) -> socket.socket:
        connection = self._connect(self._ports[-1])
        lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}")
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return connection

    def _take_what_is_shipped(self) -> None:
        """Read from who has come to the sink, for a moment, and close."""
        with contextlib.suppress(BlockingIOError):
            while True:
                came, _ = self._sink.accept()
                with came:
                    came.settimeout(0.2)
                    with contextlib.suppress(OSError):
                        while came.recv(1 << 20):
                            pass

    def _reload(self) -> None:
        before = self._server.log().count(": reloaded, ")
        self._server.send_signal(signal.SIGHUP)
        self._server.wait_until(
            lambda: self._server.log().count(": reloaded, ") > before, "a reload"
        )


def processes(server: Logger) -> dict[str, int]:
    """Return the daemon and its lasting children, each by the name of its module."""
    found = {"daemon": server.pid}
    for child in server.children():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            name = next((word for word in words if word.startswith("logsrv.")), "")
            if name and "pack" not in name:
                found[name] = child
    return found


def take_snapshot(server: Logger, asker: socket.socket) -> Snapshot:
    """Ask the processes what they keep."""
    sizes: dict[str, int] = {}
    memory = 0
    for name, pid in processes(server).items():
        os.kill(pid, signal.SIGUSR2)
        connection, _ = asker.accept()
        with connection, connection.makefile("rb") as told:
            text = told.read()
        assert text, f"{name} tells nothing:\n{server.log()[-4000:]}"
        assert text.startswith(b"{"), f"{name}: {text!r}"
        counts = json.loads(text)
        counts |= {
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(os.listdir(f"/proc/{pid}/task")),
        }
        sizes |= {f"{name} {key}": size for key, size in counts.items()}
        status = Path(f"/proc/{pid}/status").read_text()
        memory += int(status.partition("VmRSS:")[2].split()[0]) << 10
    return Snapshot(sizes, memory)


def what_grows(snapshots: Sequence[Snapshot]) -> dict[str, list[int]]:
    """Return what is more in each snapshot than in the one before it."""
    found = {}
    for key in snapshots[-1].sizes:
        sizes = [one.sizes.get(key, 0) for one in snapshots]
        most = next((most for name, most in MEMORIES.items() if name in key), 0)
        if all(a < b for a, b in pairwise(sizes)) and sizes[-1] > max(most, sizes[0] + SLACK):
            found[key] = sizes
    return found


def test_what_a_daemon_keeps_does_not_grow(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with (
        socket.create_server(("127.0.0.1", 0)) as sink,
        socket.socket(socket.AF_UNIX) as asker,
        hook() as hooked,
    ):
        sink.setblocking(False)
        asker.bind(str(tmp_path / "asker"))
        asker.listen()
        asker.settimeout(PATIENCE)
        listens = [f"{name}:{LOOPBACK}" for name in INPUTS]
        listens += [f"{name}:udp:0:interface=127.0.0.1" for name in ("syslog", "gelf")]
        config = tmp_path / "soak.toml"
        config.write_text(
            CONFIG.format(
                listens=", ".join(f'"{one}"' for one in listens),
                loopback=LOOPBACK,
                sink=sink.getsockname()[1],
                hook=hooked.url,
            )
        )
        environment = {
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHON_SOAK": f"{SPEED} {time.time()} {time.monotonic()} {tmp_path}/asker",
        }
        with Logger(
            "logsrv", "--config", str(config), directory=tmp_path, environment=environment
        ) as server:
            server.ready()
            assert isinstance(server, Logger)
            users, snapshots = Users(server, sink), []
            # The first part only fills the store to its limit.
            for _ in range(PARTS + 1):
                for _ in range(int(HOURS * 3600 / (PARTS + 1) / ROUND)):
                    users.make_round()
                users.leave()
                time.sleep(BREAK / SPEED)
                snapshots.append(take_snapshot(server, asker))
            grows = what_grows(snapshots[1:])
            memory = [one.memory for one in snapshots[1:]]
            assert not grows, "\n".join(f"{name}: {sizes}" for name, sizes in grows.items())
            assert memory[-1] < memory[0] * 1.1 + (8 << 20), memory
