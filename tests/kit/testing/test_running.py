"""A service in the test's own process, on free ports."""

import ssl
import subprocess
import sys
from typing import Any

import pytest

from logsrv.kit import Connection, DatagramLines, Sender, protocol_plugin
from logsrv.kit.testing import TelnetSession, self_signed_certificate, serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.talking import Shout


def shouting(session: TelnetSession) -> str:
    session.send("hello")
    return session.expect("HELLO")


async def test_a_served_plugin_converses_and_stops():
    """A script talks to it from a thread; after the block nobody listens any more."""

    async with serve(Shout) as running:
        port = running.port
        assert running.addresses == [f"127.0.0.1:{port}"]
        assert await running.converse(shouting) == "HELLO"
    with pytest.raises(ConnectionRefusedError):
        await _visit(port)


async def _visit(port: int) -> Any:
    from twisted.internet.threads import deferToThread

    return await deferToThread(TelnetSession, port)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_a_script_converses_over_tls(tmp_path):
    """With whom it trusts, and nobody else."""
    certificate, key = self_signed_certificate(tmp_path / "one")
    place = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
    async with serve(Shout, "--listen", place) as running:
        assert await running.converse(shouting, cafile=certificate) == "HELLO"
        other, _ = self_signed_certificate(tmp_path / "other")
        with pytest.raises(ssl.SSLCertVerificationError):
            await running.converse(shouting, cafile=other)


class Echo(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line, peer)


async def test_a_served_datagram_class_is_asked():
    """A class for datagrams is served on a port of its own, and asked."""
    async with serve(Echo) as running:
        assert await running.ask(b"hello\n") == b"hello\r\n"


async def test_a_plugin_for_both_gets_two_ports():
    plugin = protocol_plugin("both", Shout, datagrams=Echo, listen=("tcp:7000", "udp:7000"))
    async with serve(plugin) as running:
        assert len(running.addresses) == 2
        assert await running.ask(b"hello\n") == b"hello\r\n"
        await running.converse(shouting)
    async with serve(plugin, "--listen=tcp:0:interface=127.0.0.1") as running:
        assert len(running.addresses) == 1


async def admin(connection: Connection) -> None:
    connection.send_line(f"{connection.listener} here")


async def test_each_listener_by_name_has_its_port():
    plugin = protocol_plugin(
        "shout", Shout, listeners={"admin": admin}, listen=("tcp:7000", "admin:tcp:7001")
    )
    async with serve(plugin) as running:
        assert running.addresses[1] == f"127.0.0.1:{running.port_of('admin')}"
        await running.converse(shouting)
        assert await running.converse(lambda one: one.expect("admin…"), to="admin") == "admin here"
        with pytest.raises(
            AssertionError, match="no listener adnim has a port now; it listens at tcp:0"
        ):
            running.port_of("adnim")


async def test_who_is_never_answered_is_told_what_was_asked():
    class Silent(DatagramLines):
        def line_received(self, line: str, peer: Sender) -> None:
            """Say nothing."""

    async with serve(Silent) as running:
        with pytest.raises(TimeoutError, match=r"no answer to b'hello' in 0\.1 s"):
            await running.ask(b"hello", deadline=0.1)


PROJECT = {
    "shout.py": """
from logsrv.kit import LineProtocol

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
""",
    "test_shout.py": """
import pytest_twisted
from shout import Shout

pytest_plugins = ["logsrv.kit.testing.fixtures"]

def test_in_memory(in_memory):
    assert in_memory(Shout).answer(b"a\\r\\n") == b"A\\r\\n"

@pytest_twisted.ensureDeferred
async def test_serving(serving):
    running = serving(Shout)
    await running.converse(lambda session: (session.send("a"), session.expect("A")))

def test_twistd(twistd):
    assert twistd("greet", "--listen", "tcp:0:interface=127.0.0.1").port()
""",
}


@pytest.mark.slow
def test_the_fixtures_work_in_another_project(tmp_path):
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--reactor=default", "-W", "error"],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert "3 passed" in run.stdout, run.stdout


def test_loading_the_plugin_loads_no_reactor():
    """Whoever lists it and uses no fixture is not made to use Twisted."""
    code = (
        "import sys, logsrv.kit.testing.fixtures\n"
        "modules = ('twisted.internet.reactor', 'logsrv.kit._protocol_plugin.protocol_service')\n"
        "print([name for name in modules if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert run.stdout == "[]\n"


async def test_a_listener_without_a_name_is_found_by_its_type():
    places = ("--listen", "udp:0:interface=127.0.0.1", "--listen", "tcp:0:interface=127.0.0.1")
    plugin = protocol_plugin("both", Shout, datagrams=Echo)
    async with serve(plugin, *places) as running:
        ports = [int(one.rpartition(":")[2]) for one in running.addresses]
        assert [running.port_of("udp"), running.port_of("tcp")] == ports
        assert await running.converse(shouting, to="tcp") == "HELLO"
        with pytest.raises(AssertionError, match="no listener unix has a port now"):
            running.port_of("unix")
