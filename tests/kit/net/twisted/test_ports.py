"""Ports of Twisted, as we change, adopt and close them. Also run with other releases of Twisted."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from twisted.internet import tcp, unix
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from logsrv.kit.net.twisted.ports import (
    KeptUNIXPort,
    close_socket,
    keep_inherited,
    make_ours,
    start_accepting,
    stop_accepting,
)
from tests.kit.net.network import REACTOR, Chunks, in_reactor, until


@in_reactor
async def test_a_socket_that_others_have_as_well_is_only_closed_here(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    port = REACTOR.listenUNIX(path, Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    other = port.socket.dup()
    close_socket(port)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        other.accept()[0].close()
    other.close()
    assert os.path.exists(path)


@in_reactor
async def test_a_socket_of_the_service_manager_keeps_its_number() -> None:
    """So that nothing else is adopted when its endpoint is listened on again."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        given.set_inheritable(True)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            endpoint = AdoptedStreamServerEndpoint(REACTOR, given.fileno(), socket.AF_INET)
            keep_inherited(endpoint)
            port = await endpoint.listen(Factory.forProtocol(Protocol))
            assert port.getHost().port == given.getsockname()[1]
            await port.stopListening()
        assert not given.get_inheritable()
        assert len(os.listdir("/proc/self/fd")) == before


@in_reactor
async def test_a_port_that_cannot_stop_has_its_socket_closed(tmp_path: Path) -> None:
    port = REACTOR.listenUNIX(str(tmp_path / "s"), Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    os.unlink(tmp_path / "s")
    with pytest.raises(FileNotFoundError):
        await port.stopListening()
    close_socket(port)
    assert port.socket.fileno() == -1


@in_reactor
async def test_a_kept_socket_serves_the_next_process(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    first = KeptUNIXPort(path, Factory.forProtocol(Chunks), reactor=REACTOR)  # type: ignore[arg-type]
    first.startListening()
    held = first.socket_for_others()
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


@in_reactor
async def test_a_port_lets_those_wait_who_connect_before_it_accepts(tmp_path: Path) -> None:
    protocol = Chunks()
    factory = Factory.forProtocol(lambda: protocol)  # type: ignore[arg-type]
    port = REACTOR.listenUNIX(str(tmp_path / "s"), factory)
    stop_accepting(port)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "s"))
        peer.sendall(b"hello")
        REACTOR.iterate()
        assert not protocol.chunks
        start_accepting(port)
        await until(lambda: protocol.chunks, "the greeting")
    await port.stopListening()
    stop_accepting(object())
    start_accepting(object())


def test_ports_of_others_are_left_alone() -> None:
    class Port:
        transport = "theirs"

    port = Port()
    make_ours(port, layered=False)
    make_ours(object(), layered=True)
    assert port.transport == "theirs"
    assert (tcp.Port.transport, unix.Port.transport) == (tcp.Server, unix.Server)
