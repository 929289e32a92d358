"""Real clients of the servers in this folder: a conversation each, which gets a number of its own."""

import contextlib
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redis import Redis

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program
from tests.parts.waits import join

HOST = "127.0.0.1"
RUNNING: set[subprocess.Popen[str]] = set()


def hang_up() -> None:
    """End all programs: many go on for long when their server has ended."""
    for client in list(RUNNING):
        client.kill()


def run(package: str, name: str, *arguments: str) -> str:
    """Run a program of `package` of Debian; return its output. Its status has to be 0."""
    command = [program(name, package), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as client:
        RUNNING.add(client)
        try:
            output, _ = client.communicate(timeout=PATIENCE)
        finally:
            RUNNING.discard(client)
            client.kill()
    assert client.returncode == 0, output
    return output


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


def smtp(ports: Sequence[int], number: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(HOST, ports[0], "client.example", PATIENCE) as client:
        client.starttls(context=context)
        mail = "Subject: hello\r\n\r\n" + "text\r\n.a dot\r\n" * (number % 100)
        refused = client.sendmail("ada@example.org", ["bob@example.org"], mail)
        assert refused == {}


def digits(ports: Sequence[int], number: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE / 30)
        client.connect((HOST, ports[0]))
        client.send(b"record %d ends" % number)
        assert client.recv(100) == b"stored"


class Transfer(BaseHTTPRequestHandler):
    """As many bytes as the path says."""

    def do_GET(self) -> None:
        size = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[int]:
    server = ThreadingHTTPServer((HOST, 0), Transfer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        join(thread)
        server.server_close()


def curl_of_proxy(ports: Sequence[int], number: int) -> None:
    size = 1_000_000
    told = ("-sS", "-o", "/dev/null", "-w", "%{size_download}")
    assert run("curl", "curl", *told, f"http://{HOST}:{ports[0]}/{size}") == str(size)


def line(ports: Sequence[int], number: int) -> None:
    with socket.create_connection((HOST, ports[0]), PATIENCE) as client:
        client.sendall(b"record %d ends\n" % number)


@contextlib.contextmanager
def keeper(folder: Path) -> Iterator[int]:
    """A server that keeps all it is sent in the file `kept`."""
    with socket.create_server((HOST, 0)) as server, (folder / "kept").open("wb") as kept:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        while data := connection.recv(65536):
                            kept.write(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
