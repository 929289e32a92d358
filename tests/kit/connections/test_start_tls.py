"""TLS put under a connected protocol: behind a proxy, on UNIX sockets, with limits and certificates."""

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.connections.start_tls import tls_factory
from tests.kit.starting_tls import SAID, Client, Lines, trusting, upgraded
from tests.parts.certificates import Authority
from tests.parts.reactor import REACTOR, logged, until

pytest_plugins = ["logsrv.kit.testing.fixtures"]
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class WhoAmI(LineProtocol):
    async def line_received(self, line: str) -> None:
        if line == "tls":
            self.send_line("go on")
            await self.start_tls()
        name = self.certificate.name if self.certificate else "nobody"
        host = self.peer.partition(":")[2].rpartition(":")[0]
        self.send_line(f"{name} at {host}; named {'dns=' in self.peer}")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pem(authority: Authority) -> Path:
    return authority.certify("localhost")


def tcp(pem: Path, words: str = "") -> str:
    return f"--listen=tcp:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}{words}"


def who_am_i(port: int, context: Any, before: bytes = b"") -> bytes:
    with Client(port) as client:
        client.begin_tls(context, before)
        try:
            return client.line()
        except OSError:
            return b""


async def test_who_shows_a_certificate_is_known_by_it(serving, authority, pem):
    """Its name is the peer's from then on; who shows none, or a stranger's, is refused and counted."""
    started = serving(WhoAmI, tcp(pem, f":clientca={authority.cafile}"), start_tls=True)
    shown = trusting(authority, authority.certify("shop.example"))
    heard = await deferToThread(who_am_i, started.port, shown)
    assert heard == b"shop.example at 127.0.0.1; named True\r\n"
    with logged() as messages:
        assert await deferToThread(who_am_i, started.port, trusting(authority)) == b""
        await until(lambda: not started.service.peers, "the peer to go")
    metrics = started.service.metrics
    assert metrics.value("connections_refused_total", reason="certificate") == 1
    assert any("it shows no certificate" in message for message in messages)


async def test_behind_a_proxy_the_client_begins_tls(serving, authority, pem):
    """What its PROXY header says is in plain text; the client it names stays the peer."""
    listen = tcp(pem).replace("tcp:", "haproxy:tcp:")
    started = serving(WhoAmI, listen, start_tls=True)
    header = b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 25\r\n"
    heard = await deferToThread(who_am_i, started.port, trusting(authority), header)
    assert heard == b"nobody at 10.0.0.1; named False\r\n"
    await until(lambda: not started.service.peers, "the peer to go")


async def test_tls_can_begin_on_a_unix_socket(serving, authority, pem, tmp_path):
    path = str(tmp_path / "s")
    serving(Lines, f"--listen=unix:{path}:privateKey={pem}:certKey={pem}", start_tls=True)
    assert await deferToThread(upgraded, path, trusting(authority)) == SAID


async def test_limits_hold_with_start_tls(serving, authority, pem):
    """What one may send in a second is counted where it is decrypted, and silence is noticed."""
    limits = ("--peer-bytes=30KiB", "--peer-lines=100", "--idle-timeout=60s")
    started = serving(Lines, tcp(pem), *limits, start_tls=True)
    assert await deferToThread(upgraded, started.port, trusting(authority)) == SAID
    assert started.service.metrics.value("connections_slowed_total") >= 1


async def test_what_a_limit_held_back_is_plain_text_as_well(serving, authority, pem):
    """Lines that were not handed on yet when TLS began are not those of TLS."""
    started = serving(Lines, tcp(pem), "--peer-lines=1", start_tls=True)

    def talk() -> bytes:
        with Client(started.port) as client:
            client.socket.sendall(b"tls\n" + b"injected\n" * 20)
            return client.end()

    assert b"said" not in await deferToThread(talk)
    metrics = started.service.metrics
    assert metrics.value("connections_refused_total", reason="plain_text") == 1


@pytest.mark.slow
async def test_silence_ends_a_connection(serving, authority, pem):
    """Who says nothing over TLS, or never begins it, is closed after --idle-timeout."""
    started = serving(Lines, tcp(pem), "--idle-timeout=1s", start_tls=True)

    def talk(wraps: bool) -> bytes:
        with Client(started.port) as client:
            client.ask(b"tls\n")
            if wraps:
                client.wrap(trusting(authority))
                client.line()
            return client.end()

    for wraps in (True, False):
        assert await deferToThread(talk, wraps) == b""
    assert started.service.metrics.value("connections_idle_total") == 2


async def test_a_reload_takes_the_certificate_that_was_saved(serving, authority, pem):
    """For who begins TLS from then on; one that is damaged is refused with a sentence."""
    started = serving(WhoAmI, tcp(pem), start_tls=True)

    def serial() -> object:
        with Client(started.port) as client:
            client.begin_tls(trusting(authority))
            return client.socket.getpeercert()["serialNumber"]  # type: ignore[attr-defined]

    before = await deferToThread(serial)
    authority.certify("localhost")
    await started.service.reloads.reload_once()
    renewed = await deferToThread(serial)
    assert renewed != before
    pem.write_text("nothing\n")
    with pytest.raises(Exception, match="cannot be used"):
        await started.service.reloads.reload_once()
    assert await deferToThread(serial) == renewed
    os.unlink(pem)


def test_start_tls_refuses_an_object_that_is_no_certificate():
    with pytest.raises(TypeError, match="start_tls takes a certificate as Twisted's"):
        tls_factory(object(), object(), REACTOR, client=False)  # type: ignore[arg-type]
