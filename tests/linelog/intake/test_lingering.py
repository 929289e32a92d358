"""A close after which a sender that goes on sending still gets what was acknowledged."""

import json
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import msgpack
import pytest
import pytest_twisted
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.kit.connections import linger
from logsrv.linelog.formats.forward.input import Forward
from logsrv.linelog.formats.lumberjack.input import Lumberjack
from logsrv.linelog.formats.relp.input import Relp
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.over_http.input import Http
from tests.parts.certificates import certificate_file
from tests.parts.listening import LOOPBACK, Site, port_of, unverified
from tests.parts.reactor import REACTOR, until
from tests.parts.sinks import Sink, intake

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

BODY = b"first\nsecond\n"


@attrs.frozen
class Sender:
    """What a sender sends, of which the end is none of its protocol, and the answers that it must get."""

    input: Callable[[], Input]
    sent: bytes
    answers: tuple[bytes, ...]


def event(number: int) -> bytes:
    text = json.dumps({"n": number}).encode()
    return b"2J%b%b%b" % (number.to_bytes(4, "big"), len(text).to_bytes(4, "big"), text)


SENDERS = {
    "relp": Sender(
        Relp,
        b"1 open 14 relp_version=0\n"
        + b"".join(b"%d syslog 5 line!\n" % number for number in range(2, 9))
        + b"no frame of RELP\n",
        tuple(b"%d rsp 6 200 OK\n" % number for number in range(2, 9)),
    ),
    "forward": Sender(
        Forward,
        b"".join(
            msgpack.packb(["tag", 1, {"n": number}, {"chunk": f"chunk{number}"}])
            for number in range(5)
        )
        + b"\xc1\xc1",
        tuple(msgpack.packb({"ack": f"chunk{number}"}) for number in range(5)),
    ),
    "lumberjack": Sender(
        Lumberjack,
        b"2W\0\0\0\x02" + event(1) + event(2) + b"no frame",
        (b"2A\0\0\0\x02",),
    ),
    "http": Sender(
        Http,
        b"POST /lines HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b no request\r\n\r\n"
        % (len(BODY), BODY),
        (b"HTTP/1.1 200 ", b"HTTP/1.1 400 "),
    ),
}


def connection_to(place: Any) -> socket.socket:
    """A connection to a port, by TLS to one in brackets, or to a path."""
    if isinstance(place, Path):
        local = socket.socket(socket.AF_UNIX)
        local.connect(str(place))
        return local
    if isinstance(place, list):
        plain = socket.create_connection(("127.0.0.1", *place), 10)
        return unverified().wrap_socket(plain, server_hostname="localhost")
    return socket.create_connection(("127.0.0.1", place), 10)


def send_on(place: Any, sender: Sender, seconds: float) -> bytes:
    """Send, and go on sending for so long, or until that fails; then return all that has come."""
    came = b""
    with connection_to(place) as sending:
        sending.sendall(sender.sent)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                sending.settimeout(max(0.001, end - time.monotonic()))
                sending.send(bytes(4 << 10))
        except TimeoutError:
            pass
        except OSError:
            return came
        sending.settimeout(10)
        try:
            while more := sending.recv(64 << 10):
                came += more
        except ConnectionResetError:
            pass
    return came


@attrs.define
class Listening:
    """A listener whose disk is held back until `sync`."""

    site: Site
    directory: Path
    sink: Sink = attrs.field(factory=Sink)
    place: Any = None

    def start(self, sender: Sender, scheme: str = "tcp") -> None:
        made: Any = sender.input()
        self.site.factory = made.stream(intake(self.sink))
        if scheme == "unix":
            self.place = self.directory / "socket"
            self.site.start(f"unix:{self.place}")
        elif scheme == "ssl":
            file = certificate_file(self.directory / "server.pem", "localhost")
            found = self.site.start(f"ssl:0:interface=127.0.0.1:privateKey={file}")
            self.place = [port_of(found)]
        else:
            self.place = port_of(self.site.start(LOOPBACK))

    async def serve(self, sender: Sender, disk: random.Random) -> bytes:
        """Serve one sender from a slow disk; return what the sender got."""
        sending = deferToThread(send_on, self.place, sender, disk.uniform(0.004, 0.02))
        while not sending.called:
            await deferLater(REACTOR, disk.uniform(0, 0.004))
            is_full = disk.random() < 0.5
            for producer in list(self.sink.producers):
                (producer.pauseProducing if is_full else producer.resumeProducing)()
            self.sink.sync()
        return await sending


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    site = Site()
    yield Listening(site, tmp_path)
    await site.stop()


@pytest.mark.parametrize(
    ("name", "scheme", "runs"),
    [
        *((name, "tcp", 10) for name in SENDERS),
        ("relp", "unix", 10),
        ("relp", "ssl", 10),
        pytest.param("relp", "tcp", 200, marks=pytest.mark.slow),
        pytest.param("http", "tcp", 200, marks=pytest.mark.slow),
    ],
)
async def test_who_goes_on_sending_after_an_error_gets_all_acknowledgements(
    name, scheme, runs, listening
):
    """The disk is held back, so the answers are written when more has come than is read."""
    sender, disk = SENDERS[name], random.Random(1)
    listening.start(sender, scheme)
    for run in range(runs):
        came = await listening.serve(sender, disk)
        assert [one for one in sender.answers if one not in came] == [], f"in run {run}: {came!r}"


@pytest.mark.parametrize("most", ["bytes", "seconds"])
async def test_who_sends_for_ever_is_cut_off(most, listening, monkeypatch):
    if most == "bytes":
        monkeypatch.setattr(linger, "LINGER_BYTES", 1 << 20)
    else:
        monkeypatch.setattr(linger, "LINGER_BYTES", 1 << 40)
        monkeypatch.setattr(linger, "LINGER_SECONDS", 0.2)
    sender, sink = SENDERS["relp"], listening.sink
    listening.start(sender)
    sending = deferToThread(send_on, listening.place, sender, 30)
    await until(lambda: sink.waiting, "an acknowledgement that waits")
    began = time.monotonic()
    sink.sync()
    assert await sending == b""
    assert time.monotonic() - began < 4
    await until(lambda: not sink.producers, "the end of the connection")
