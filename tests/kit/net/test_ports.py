"""Ports of Twisted, as we change, adopt and close them. Also run with other releases of Twisted."""

import errno
import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet import tcp, unix
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from logsrv.kit.net._ports import (
    KeptUNIXPort,
    adopt_duplicate,
    block_new_connections,
    close_socket,
    use_our_classes,
)
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.listening import Chunks
from tests.parts.reactor import REACTOR, until


async def test_a_socket_that_others_have_as_well_is_only_closed_here(tmp_path):
    path = str(tmp_path / "s")
    port = REACTOR.listenUNIX(path, Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    other = port.socket.dup()
    close_socket(port)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        other.accept()[0].close()
    other.close()
    assert os.path.exists(path)


async def test_a_socket_of_the_service_manager_keeps_its_number():
    """So that nothing else is adopted when its endpoint is listened on again."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        given.set_inheritable(True)
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(2):
            endpoint = AdoptedStreamServerEndpoint(REACTOR, given.fileno(), socket.AF_INET)
            adopt_duplicate(endpoint)
            port = await endpoint.listen(Factory.forProtocol(Protocol))
            assert port.getHost().port == given.getsockname()[1]
            await port.stopListening()
        assert not given.get_inheritable()
        # What other tests have left may be closed meanwhile.
        assert set(os.listdir("/proc/self/fd")) <= before


def test_a_socket_that_does_not_listen_is_refused_with_what_to_do():
    """One that takes datagrams, or a connection of Accept=yes: each was asked for peers for ever."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), PATIENCE),
        listening.accept()[0] as connection,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
    ):
        for given, family, sentence in (
            (datagrams, socket.AF_INET, "takes datagrams: write udp:"),
            (connection, socket.AF_INET, "Accept=yes"),
            (listening, socket.AF_UNIX, "write domain=INET$"),
        ):
            endpoint = AdoptedStreamServerEndpoint(REACTOR, given.fileno(), family)
            with pytest.raises(OSError, match=sentence):
                adopt_duplicate(endpoint)


INHERITED = """
from logsrv.kit.net._ports import inherited_descriptors
print(inherited_descriptors(), inherited_descriptors())
"""
TELLING = """
import sys
from twisted.logger import globalLogBeginner, textFileLogObserver
globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux has that file")
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "lines"}, "[(3, 'lines')]"),
        # systemd-socket-activate gives no names unless it is asked for some.
        ({"LISTEN_FDS": "1"}, "[(3, 'unknown')]"),
        # Our own files have the other numbers: to close them would end the reactor.
        ({"LISTEN_FDS": "4", "LISTEN_FDNAMES": "a:kept-b:kept-c:kept-d"}, "[(3, 'a')]"),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "a:b"}, "[]"),
        ({"LISTEN_FDS": "9" * 5000}, "[]"),
        ({"LISTEN_FDS": "9" * 20}, "[]"),
        ({"LISTEN_FDS": "9" * 20, "LISTEN_FDNAMES": "a"}, "[]"),
        ({"LISTEN_FDS": "one"}, "[]"),
        ({"LISTEN_FDS": "0"}, "[]"),
    ],
)
def test_inherited_descriptors_have_their_names(given, found):
    handing_over = 'LISTEN_PID=$$ exec "$@" 3</dev/null'
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")
    }
    told = subprocess.run(
        ["sh", "-c", handing_over, "sh", sys.executable, "-c", TELLING + INHERITED],
        env={**environment, **given},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert told.stdout == f"{found} {found}\n"
    ignored = re.findall("LISTEN_FDS=.* (?:is no number|do not fit)", told.stderr)
    assert bool(ignored) is (found == "[]" and given["LISTEN_FDS"] != "0")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel lets in until the end")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"] if socket.has_ipv6 else ["127.0.0.1"])
def test_at_the_end_nobody_gets_in_and_who_is_in_goes_on(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listening, socket.socket(family) as late:
        listening.bind((address, 0))
        listening.listen()
        late.setblocking(False)
        with socket.create_connection(listening.getsockname()[:2], PATIENCE) as client:
            block_new_connections(SimpleNamespace(socket=listening))
            assert late.connect_ex(listening.getsockname()) == errno.EINPROGRESS
            assert select.select([], [late], [], 0) == ([], [], [])
            with listening.accept()[0] as accepted:
                client.sendall(b"line")
                assert accepted.recv(100) == b"line"
                accepted.sendall(b"answer")
                assert client.recv(100) == b"answer"


async def test_a_port_that_cannot_stop_has_its_socket_closed(tmp_path):
    port = REACTOR.listenUNIX(str(tmp_path / "s"), Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    os.unlink(tmp_path / "s")
    with pytest.raises(FileNotFoundError):
        await port.stopListening()
    close_socket(port)
    assert port.socket.fileno() == -1


async def test_a_kept_socket_serves_the_next_process(tmp_path):
    path = str(tmp_path / "s")
    first = KeptUNIXPort(path, Factory.forProtocol(Chunks), reactor=REACTOR)  # type: ignore[arg-type]
    first.startListening()
    held = first.socket.dup()
    await first.stopListening()
    protocol = Chunks()
    factory = Factory.forProtocol(lambda: protocol)  # type: ignore[arg-type]
    second = KeptUNIXPort.adopt(REACTOR, held.fileno(), factory, 0o600, 5)
    second.startListening()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall(b"hello")
        await until(lambda: protocol.chunks, "the greeting")
    assert os.stat(path).st_mode & 0o777 == 0o600
    await until(lambda: protocol.ended, "the end")
    await second.stopListening()
    held.close()
    assert os.path.exists(path)


def test_ports_of_other_packages_are_left_alone():
    class Port:
        transport = "theirs"

    port = Port()
    use_our_classes(port)
    use_our_classes(object())
    assert port.transport == "theirs"
    assert (tcp.Port.transport, unix.Port.transport) == (tcp.Server, unix.Server)
