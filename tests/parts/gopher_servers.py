"""Servers to test a client against: scripted ones in threads, and the real gophernicus, pygopherd."""

import os
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.waits import line_of

LOOPBACK = "127.0.0.1"
Script = Callable[[socket.socket, bytes], None]


class Scripted:
    """A server on loopback that calls `script(connection, request line)` for each connection.

    requests: the request lines so far. most_open: how many connections there were at once.
    released: set when the test is over; scripts that hang wait for it.
    """

    def __init__(self, script: Script, certificate: Path | None = None, port: int = 0) -> None:
        self._script = script
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listening = socket.create_server((LOOPBACK, port), backlog=100)
        self.port: int = self._listening.getsockname()[1]
        self.requests: list[bytes] = []
        self.most_open = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str = "/", scheme: str = "gopher", host: str = LOOPBACK) -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def hang(self) -> None:
        """For scripts: send nothing more until the test is over."""
        self.released.wait(PATIENCE)

    def close(self) -> None:
        if self.released.is_set():
            return
        self.released.set()
        # A listening socket that another thread waits on is woken by shutdown, not by close.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client was faster
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.most_open = max(self.most_open, len(self._open))
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            plain.settimeout(PATIENCE)
            if self._context is not None:
                # It takes the descriptor over from the plain socket, so that is what has to be closed.
                connection = self._context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
                with self._lock:
                    self._open.remove(plain)
                    self._open.add(connection)
                connection.do_handshake()
            with connection.makefile("rb") as lines:
                request = lines.readline()
                if request:
                    self.requests.append(request)
                    self._script(connection, request)
            if isinstance(connection, ssl.SSLSocket) and connection.fileno() >= 0:
                connection.unwrap()
        except (OSError, ValueError):
            # Clients that go away are what many tests are about; and `close` from the test's thread
            # takes the TLS off a socket, which its methods then answer with ValueError.
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
            plain.close()


class SocksProxy:
    """SOCKS5 (RFC 1928) that leads every connection to one port on loopback."""

    def __init__(self, target: int, reply: int = 0) -> None:
        self._target = target
        self._reply = reply
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self.asked: list[tuple[bytes, int]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream:
                stream.read(stream.read(2)[1])
                client.sendall(b"\5\0")
                assert stream.read(4) == b"\5\1\0\3", "a name, for the proxy to resolve"
                name = stream.read(stream.read(1)[0])
                self.asked.append((name, struct.unpack("!H", stream.read(2))[0]))
                client.sendall(bytes([5, self._reply]) + b"\0\1\0\0\0\0\0\0")
                # Nothing is lost in the buffer: the client waits for this reply.
                if not self._reply:
                    self._relay(client)

    def _relay(self, client: socket.socket) -> None:
        """Both ways, until one side closes."""
        with socket.create_connection((LOOPBACK, self._target), PATIENCE) as server:
            other = {client: server, server: client}
            while True:
                for ready in select.select([client, server], [], [], PATIENCE)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


def reset(connection: socket.socket) -> None:
    """For scripts: end the connection the hard way."""
    # Time 0 to linger: RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def cut(connection: socket.socket) -> None:
    """For scripts inside TLS: end the connection without the close of TLS."""
    plain = socket.socket(fileno=connection.detach())
    plain.shutdown(socket.SHUT_RDWR)
    plain.close()


# What both real servers serve, by path; bytes, as names are.
TREE: dict[bytes, bytes] = {
    b"hello.txt": b"Hello from gopher.\nSecond line.\n",
    b"dots.txt": b"line before\n.\nafter a lone dot\n..two dots\nlast line\n",
    b"latin1.txt": b"caf\xe9 latin-1\n",
    b"utf8.txt": "café € utf-8\n".encode(),
    b"empty.txt": b"",
    b"nonl.txt": b"no newline at the end",
    b"bin.dat": bytes(range(256)) * 1000,
    b"pic.gif": b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
    b"dir with space/a file.txt": b"space\n",
    b"caf\xc3\xa9-utf8.txt": b"utf8 name\n",
    b"caf\xe9-latin1.txt": b"latin1 name\n",
    b"sub/deep.txt": b"deep\n",
    b"cgi-bin/search.cgi": (
        b"#!/bin/sh\n"
        b"""printf 'iResults for: %s\\t\\terror.host\\t1\\r\\n' "${QUERY_STRING:-$SEARCHREQUEST}"\n"""
    ),
}

_GOPHERNICUS = """
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listening = socket.create_server(("127.0.0.1", 0), backlog=100)
port = listening.getsockname()[1]
print(port, flush=True)
while True:
    connection, _ = listening.accept()
    if os.fork() == 0:
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
        os.execv(sys.argv[1], [sys.argv[1], "-h", "127.0.0.1", "-p", str(port), "-r", sys.argv[2],
                 "-nv", "-nu", "-nm", "-ns", "-i", "100000000", "-k", "2000000000"])
    connection.close()
"""

_PYGOPHERD_SETTINGS = {
    "interface": LOOPBACK,
    "servername": LOOPBACK,
    "usechroot": "no",
    "logmethod": "none",
    "cachetime": "0",
}


@contextmanager
def served_tree() -> Iterator[Path]:
    """TREE in a directory that an ordinary user may read (pytest's own are for root only)."""
    directory = Path(tempfile.mkdtemp(prefix="gopher-tree-"))
    try:
        directory.chmod(0o755)
        for name, content in TREE.items():
            path = os.path.join(os.fsencode(directory), name)
            folder = os.path.dirname(path)
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o755)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o755 if name.startswith(b"cgi-bin/") else 0o644)
        yield directory
    finally:
        shutil.rmtree(directory)


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    setpriv = program("setpriv", "util-linux")
    return [setpriv, "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


@contextmanager
def _running(command: list[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*_as_nobody(), *command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # Both fork a child for each connection; the group is theirs alone.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def gophernicus(tree: Path) -> Iterator[int]:
    """The real gophernicus over `tree`; the port it listens on."""
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    server = program("gophernicus", "gophernicus")
    with _running([python, "-c", _GOPHERNICUS, server, str(tree)], tree) as process:
        assert process.stdout is not None
        yield int(line_of(process.stdout))


@contextmanager
def pygopherd(tree: Path, certificate: Path | None = None) -> Iterator[int]:
    """The real pygopherd over `tree`, with TLS on the same port if there is a certificate; its port."""
    server = program("pygopherd", "pygopherd")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pygopherd-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        settings = {**_PYGOPHERD_SETTINGS, "port": str(port), "root": str(tree)}
        settings["pidfile"] = f"{directory}/pid"
        if certificate is not None:
            copy = directory / "certificate.pem"
            copy.write_bytes(certificate.read_bytes())
            copy.chmod(0o644)
            settings |= {"enable_tls": "yes", "tls_certfile": str(copy), "tls_keyfile": str(copy)}
        (directory / "conf").write_text(_pygopherd_configuration(settings))
        (directory / "conf").chmod(0o644)
        with _running(["/usr/bin/python3", server, f"{directory}/conf"], directory) as process:

            def listening() -> bool:
                assert process.poll() is None, process.communicate(timeout=PATIENCE)[0].decode()
                with socket.socket() as trial:
                    return trial.connect_ex((LOOPBACK, port)) == 0

            wait_until(listening, "pygopherd to listen")
            yield port


def _pygopherd_configuration(settings: dict[str, str]) -> str:
    left = dict(settings)
    lines = []
    for line in Path("/etc/pygopherd/pygopherd.conf").read_text().splitlines():
        key = line.partition("=")[0].strip()
        if key in ("setuid", "setgid"):
            continue
        if key == "handlers":
            line = line.replace("[", "[scriptexec.ExecHandler, ", 1)
        lines.append(f"{key} = {left.pop(key)}" if key in left else line)
        if line.strip() == "[pygopherd]":
            position = len(lines)
    lines[position:position] = [f"{key} = {value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def open_now() -> set[str]:
    """Return what is open in this process, where the system tells; other threads close theirs meanwhile."""
    found = set()
    for link in Path("/proc/self/fd").glob("*"):
        with suppress(FileNotFoundError):
            found.add(os.readlink(link))
    return found
