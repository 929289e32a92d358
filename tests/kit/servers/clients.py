"""Real clients of the servers in this folder: a conversation each, which gets a number of its own."""

import contextlib
import queue
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import ntplib
import stomp
from pymemcache.client.base import Client as MemcacheClient
from pymodbus.client import ModbusTcpClient
from redis import Redis
from websockets.sync.client import connect

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.docs.test_cookbook import RECIPES
from tests.parts.programs import program

HOST = "127.0.0.1"
# The sizes of files for TFTP, whose blocks have 512 bytes.
FILES = {"blocks": 1024, "text": 1300}


RUNNING: set[subprocess.Popen[str]] = set()


def hang_up() -> None:
    """End all programs: many go on for long when their server has ended."""
    for client in list(RUNNING):
        client.kill()


@contextlib.contextmanager
def started(package: str, name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program of `package` of Debian, whose output comes line by line; end it behind the body."""
    with subprocess.Popen(
        ["stdbuf", "-oL", program(name, package), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    ) as client:  # fmt: skip
        RUNNING.add(client)
        try:
            yield client
        finally:
            RUNNING.discard(client)
            client.kill()


def expect(client: subprocess.Popen[str], text: str) -> None:
    """Read the output of a program up to the line with a text."""
    assert client.stdout
    assert any(text in line for line in client.stdout), text


def tell(client: subprocess.Popen[str], line: str) -> None:
    assert client.stdin
    client.stdin.write(line + "\n")


def run(package: str, name: str, *arguments: str) -> str:
    """Run a program of `package` of Debian; return its output. Its status has to be 0."""
    with started(package, name, *arguments) as client:
        output, _ = client.communicate(timeout=PATIENCE)
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
    answer = ntplib.NTPClient().request(HOST, port=ports[0], version=4, timeout=PATIENCE / 30)
    assert (answer.stratum, answer.mode, answer.leap) == (1, 4, 0)
    assert abs(answer.offset) < 1 and answer.delay >= 0


def dig(ports: Sequence[int], number: int) -> None:
    """Ask for the same name over UDP and TCP, which are at ports of their own."""
    for port, how in zip(ports[:2], ("+notcp", "+tcp"), strict=True):
        done = run(
            "bind9-dnsutils", "dig", f"@{HOST}", "-p", str(port), how, "+short", "ada.example"
        )
        assert done == "192.0.2.1\n", done


def dig_udp(ports: Sequence[int], number: int) -> None:
    place = (f"@{HOST}", "-p", str(ports[0]))
    done = run("bind9-dnsutils", "dig", *place, "+notcp", "+short", "ada.example")
    assert done == "192.0.2.1\n", done


def modbus(ports: Sequence[int], number: int) -> None:
    with ModbusTcpClient(HOST, port=ports[0], timeout=PATIENCE) as client:
        assert not client.write_register(number, 7, device_id=3).isError()
        assert not client.write_registers(number, [*range(number % 100 + 1)], device_id=3).isError()
        assert client.read_coils(0).isError()


def mosquitto(ports: Sequence[int], number: int) -> None:
    """One client waits for a message of each quality, another sends them."""
    place = ("-h", HOST, "-p", str(ports[0]))
    wanted = ("-C", "2", "-t", f"house/{number}/#")
    with started("mosquitto-clients", "mosquitto_sub", *place, "-d", *wanted) as subscriber:
        expect(subscriber, "SUBACK")
        for quality in ("0", "1"):
            message = ("-t", f"house/{number}/room", "-q", quality, "-m", f"grüß {quality}")
            run("mosquitto-clients", "mosquitto_pub", *place, *message)
            expect(subscriber, f"grüß {quality}")


def curl_tftp(ports: Sequence[int], number: int) -> None:
    """Read a file that ends within a block, and one that ends with a whole one."""
    for name, size in FILES.items():
        assert run("curl", "curl", "-sS", f"tftp://{HOST}:{ports[0]}/{name}") == "x" * size


@contextlib.contextmanager
def files(folder: Path) -> Iterator[int]:
    """Make the files that the server of TFTP has."""
    for name, size in FILES.items():
        (folder / name).write_text("x" * size)
    yield 0


@contextlib.contextmanager
def name_server(folder: Path, kind: str = "tcp") -> Iterator[int]:
    """Run the cookbook's name server; yield its port, for TCP or for UDP."""
    plugin = folder / "upstream" / "twisted" / "plugins" / "hosts_plugin.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(RECIPES["hosts"].source)
    with TwistdProcess(
        "hosts", "--listen", f"{kind}:0:interface={HOST}", "--host", "ada.example=192.0.2.1",
        directory=folder / "upstream",
    ) as server:  # fmt: skip
        yield server.port()


def written(number: int) -> str:
    """Return the line of the first write."""
    return f"unit 3 register {number} = 7"


def psql(ports: Sequence[int], number: int) -> None:
    place = f"host={HOST} port={ports[0]} user=ada dbname=words"
    done = run("postgresql-client-15", "psql", place, "-AtX", "-c", f"one {number} grüß")
    assert done == f"one\n{number}\ngrüß\n"


@contextlib.contextmanager
def sic_in(channel: str, nick: str, port: int) -> Iterator[subprocess.Popen[str]]:
    with started("sic", "sic", "-h", HOST, "-p", str(port), "-n", nick) as client:
        expect(client, "Welcome")
        tell(client, f":j {channel}")
        expect(client, "JOIN")
        yield client


def sic(ports: Sequence[int], number: int) -> None:
    channel, nick = f"#room{number}", f"ada{number}"
    with (
        sic_in(channel, nick, ports[0]) as ada,
        sic_in(channel, f"bob{number}", ports[0]) as bob,
    ):
        expect(ada, "JOIN")
        assert f"{channel} 2" in asked(ports[1], "channels")
        tell(ada, "grüß gott, bob")
        expect(bob, "> grüß gott, bob")
        tell(bob, f":m {nick} to you alone")
        expect(ada, "> to you alone")
        tell(bob, ":QUIT")
        expect(ada, "QUIT")


def asked(port: int, line: str) -> list[str]:
    """Return the lines with which an operator's listener answers, before a dot."""
    with socket.create_connection((HOST, port), PATIENCE) as operator:
        operator.sendall(f"{line}\n".encode())
        answers = operator.makefile(encoding="utf-8")
        return list(iter(lambda: answers.readline().rstrip(), "."))


class Inbox(stomp.ConnectionListener):
    """The bodies that a client of STOMP has got, and the receipts."""

    def __init__(self) -> None:
        self.got: queue.Queue[str] = queue.Queue()

    def on_message(self, frame: stomp.utils.Frame) -> None:
        self.got.put(frame.body)

    def on_receipt(self, frame: stomp.utils.Frame) -> None:
        self.got.put(frame.headers["receipt-id"])

    def on_disconnected(self) -> None:
        self.got.put("disconnected")


def stomp_py(ports: Sequence[int], number: int) -> None:
    client, inbox = stomp.Connection12([(HOST, ports[0])], reconnect_attempts_max=1), Inbox()
    client.set_listener("", inbox)
    client.connect(wait=True)
    try:
        destination = f"/queue/{number}"
        client.subscribe(destination, id="mine", headers={"receipt": "subscribed"})
        assert inbox.got.get(timeout=PATIENCE) == "subscribed"
        with urlopen(f"http://{HOST}:{ports[1]}/", timeout=PATIENCE) as page:
            assert f"{destination} 1\n".encode() in page.read()
        for text in ("hello", "grüß gott\n" * (number % 100)):
            client.send(destination, text)
            assert inbox.got.get(timeout=PATIENCE) == text
    finally:
        client.disconnect()


def snmpinform(ports: Sequence[int], number: int) -> None:
    """Send an inform; the program ends with 0 once it has the answer."""
    trap, text = "1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.8072.2.3.2.1"
    run(
        "snmp", "snmpinform", "-m", "", "-v", "2c", "-c", "public", f"{HOST}:{ports[0]}", "1",
        trap, text, "s", f"inform {number}",
    )  # fmt: skip


def informed(number: int) -> str:
    """Return the line of an inform."""
    time, trap = "1.3.6.1.2.1.1.3.0=01", "1.3.6.1.6.3.1.1.4.1.0=1.3.6.1.4.1.8072.2.3.0.1"
    return f"{time} {trap} 1.3.6.1.4.1.8072.2.3.2.1=inform {number}"


def digits(ports: Sequence[int], number: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE / 30)
        client.connect((HOST, ports[0]))
        client.send(b"record %d ends" % number)
        assert client.recv(100) == b"stored"


def as_digits(number: int) -> str:
    return (b"record %d ends" % number).hex()


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
        thread.join()
        server.server_close()


def large_transfer(ports: Sequence[int]) -> None:
    curl(ports, 0, 20_000_000)


def curl(ports: Sequence[int], number: int, size: int = 1_000_000) -> None:
    proxy, web = ports
    done = run(
        "curl", "curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}",
        "--socks5-hostname", f"{HOST}:{proxy}", f"http://localhost:{web}/{size}",
    )  # fmt: skip
    assert done == str(size)


def curl_of_proxy(ports: Sequence[int], number: int) -> None:
    size = 1_000_000
    told = ("-sS", "-o", "/dev/null", "-w", "%{size_download}")
    assert run("curl", "curl", *told, f"http://{HOST}:{ports[0]}/{size}") == str(size)


def websocket(ports: Sequence[int], number: int) -> None:
    with connect(f"ws://{HOST}:{ports[0]}/", open_timeout=PATIENCE, compression=None) as client:
        text = f"<{number}> " + "grüß gott" * (number % 100)
        client.send(text)
        while client.recv(timeout=PATIENCE) != text:
            pass
