"""A far side over TCP or TLS: who is there, whom to trust, and why it cannot be reached."""

import ssl

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.linelog.formats.relp.target import RelpTarget
from logsrv.linelog.formats.syslog.target import SyslogTarget
from logsrv.linelog.ship.targets.server_connection import connect_to_server, unreachable_error
from logsrv.linelog.ship.targets.target import Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from tests.parts.certificates import Authority
from tests.parts.far_sides import far_side, sent, settings, unavailable
from tests.parts.http_servers import serving
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, until
from tests.parts.strangers import endless, memory, stranger

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


async def test_a_refused_connection_is_unavailable_and_not_settled():
    port = free_port()
    with pytest.raises(
        Unavailable, match=r"^relp://127.0.0.1:\d+ cannot be reached: .*refused"
    ) as no:
        await connect_to_server(settings(f"relp://127.0.0.1:{port}"), REACTOR)
    assert not no.value.settled


async def test_bytes_go_both_ways():
    async with far_side() as (peers, port):
        one = await connect_to_server(settings(f"relp://127.0.0.1:{port}"), REACTOR)
        assert one.transport.getTcpNoDelay() and one.transport.getTcpKeepAlive()
        one.write(b"hello")
        await one.wait_until_acknowledged()
        peers.connections[0].transport.write(b"world")  # type: ignore[union-attr]
        assert await one.wait_for_bytes() == b"world"
        one.close()
        with pytest.raises(Unavailable):
            await one.wait_for_bytes()
        assert one.ended
    assert peers.data == b"hello"


async def test_a_server_that_sends_too_much_is_left():
    with stranger(endless(b"0 rsp 3 200\n")) as server:
        one = await connect_to_server(settings(f"relp://127.0.0.1:{server.port}"), REACTOR)
        one.write(b"1 open 0\n")
        await until(lambda: one.ended, "the end")
        with pytest.raises(
            Unavailable, match=r"relp://127.0.0.1:\d+ sends more than it was asked for"
        ):
            await one.wait_for_bytes()
    assert server.said < 64 << 20


async def test_bytes_of_a_server_without_answers_are_dropped():
    before, much = memory(), 256 << 20
    with stranger(endless(b"hello\n")) as server:
        one = SyslogTarget(settings(f"syslog://127.0.0.1:{server.port}"), REACTOR)
        await one.send(sent(b"a"))
        await until(lambda: server.said > much, "much that was said")
        await one.close()
    assert memory() - before < much / 2


def over_tls(port: int, tls: TLSOptions, scheme: str = "syslog") -> TargetSettings:
    return settings(f"{scheme}+tls://localhost:{port}", tls=tls)


async def test_certificates_are_verified_before_anything_is_sent(tmp_path):
    """Those of an unknown authority, one that has expired, our own that is missing: each is told."""
    authority = Authority(tmp_path)
    trusted = TLSOptions(cafile=authority.cafile)
    with serving(tls=authority.server_context("localhost")) as server:
        port = server.server_address[1]
        for target in (SyslogTarget, RelpTarget):
            scheme = "relp" if target is RelpTarget else "syslog"
            unknown = await unavailable(
                target(over_tls(port, TLSOptions(), scheme), REACTOR).send(sent(b"secret"))
            )
            assert unknown.settled and "its certificate has expired, is" in str(unknown)
        missing = TLSOptions(cafile=tmp_path / "none")
        why = await unavailable(SyslogTarget(over_tls(port, missing), REACTOR).send(sent(b"a")))
        assert why.settled and "none" in str(why)
        reached = SyslogTarget(over_tls(port, trusted), REACTOR)
        await reached.send(sent(b"a"))
        await reached.close()
    past = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past.load_cert_chain(authority.certify("localhost", days=-1))
    with serving(tls=past) as server:
        expired = SyslogTarget(over_tls(server.server_address[1], trusted), REACTOR)
        why = await unavailable(expired.send(sent(b"a")))
    assert why.settled and "its certificate has expired, is" in str(why)


async def test_a_client_certificate_is_shown(tmp_path):
    authority = Authority(tmp_path)
    own = authority.certify("edge")
    with serving(tls=authority.server_context("localhost", clients=True)) as server:
        tls = TLSOptions(cafile=authority.cafile, certificate=own)
        conversation = await connect_to_server(over_tls(server.server_address[1], tls), REACTOR)
        conversation.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await conversation.wait_for_bytes()).startswith(b"HTTP/1.1 200")
        conversation.close()


def test_a_refusal_goes_away_and_a_certificate_does_not():
    refused = Failure(ConnectionRefusedError())
    wrong = Failure(SSL.Error([("SSL routines", "", "certificate verify failed")]))
    file = Failure(ConfigurationError("ca.pem: No such file\x1b[31m"))
    why = unreachable_error("relp://a:1", refused)
    assert str(why) == "relp://a:1 cannot be reached: Connection was refused by other side"
    assert not why.settled
    assert unreachable_error("a", wrong).settled
    assert "its certificate has expired, is self-signed, or" in str(unreachable_error("a", wrong))
    assert str(unreachable_error("a", file)).endswith("No such file\\x1b[31m")
    assert unreachable_error("a", refused, file).settled


def test_a_certificate_of_another_name_is_said():
    why = unreachable_error("a", Failure(VerificationError(errors=[])))
    assert str(why) == "a cannot be reached: its certificate is for another name"
    assert why.settled


def test_a_connection_that_was_made_and_ended_says_so():
    assert str(unreachable_error("a", Failure(ConnectionDone()))) == "a closed the connection"


def test_a_connection_that_breaks_off_in_tls_is_no_certificate():
    why = unreachable_error("a", Failure(SSL.SysCallError(-1, "Unexpected EOF")))
    assert str(why) == "a cannot be reached: TLS: Unexpected EOF"
    assert not why.settled
