"""A UNIX socket whose file was removed or replaced while we listen there."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from logsrv.descriptor import Descriptor
from logsrv.kit.net._listener_address import LOOK_SECONDS, ListenerAddress
from logsrv.kit.net.bind import ListenError, bound_socket, socket_file_id
from logsrv.kit.net.kept_sockets import KeptSockets, ListeningAddress
from logsrv.kit.net.parse import parse_endpoint
from tests.parts.listening import Site
from tests.parts.reactor import REACTOR, logged, until

SCHEMES = ("unix", "unixgram")
GONE = "no peer reaches it"


class LookingLater:
    """The reactor, but for the looks at files: those come when `clock` says so."""

    def __init__(self) -> None:
        self.clock = Clock()

    def __getattr__(self, name: str) -> Any:
        return getattr(REACTOR, name)

    def callLater(self, delay: float, call: Callable[..., Any], *arguments: Any) -> Any:
        clock = self.clock if delay == LOOK_SECONDS else REACTOR
        return clock.callLater(delay, call, *arguments)

    def look(self) -> None:
        self.clock.advance(LOOK_SECONDS)


def start(site: Site, endpoint: str, reactor: LookingLater, kept: KeptSockets | None = None) -> Any:
    return site.run(site.make(endpoint, kept, reactor=reactor))


def client_of(path: Path, scheme: str = "unix") -> socket.socket:
    kind = socket.SOCK_DGRAM if scheme == "unixgram" else socket.SOCK_STREAM
    client = socket.socket(socket.AF_UNIX, kind)
    client.connect(str(path))
    return client


def received(site: Site) -> bytes:
    return site.factory.data + b"".join(site.receiver.payloads)


@pytest.mark.parametrize("scheme", [*SCHEMES, "haproxy:unix"])
async def test_a_file_that_was_removed_is_made_anew(scheme, site, tmp_path):
    path, reactor = tmp_path / "s", LookingLater()
    listener = start(site, f"{scheme}:{path}:mode=600", reactor)
    proxied = b"PROXY UNKNOWN\r\n" if scheme.startswith("haproxy") else b""
    with client_of(path, scheme) as before:
        before.sendall(proxied + b"before\n")
        path.unlink()
        with logged() as messages:
            reactor.look()
        assert [message for message in messages if "created again" in message] == [
            f"{scheme}:{path}:mode=600: its socket file was missing and was created again"
        ]
        assert path.stat().st_mode & 0o777 == 0o600
        with client_of(path, scheme) as after:
            after.sendall(proxied + b"after\n")
            wanted = {b"before", b"after"}
            await until(lambda: set(received(site).split()) == wanted, "both")
        if scheme != "unixgram":
            # Its connection is as it was; it had not even been accepted.
            before.sendall(b"again\n")
            await until(lambda: b"again" in received(site), "the line of who was connected")
    path.unlink()
    reactor.look()
    assert path.exists()
    assert await listener.drain(1) == 0
    assert not path.exists()
    assert not reactor.clock.getDelayedCalls()


def client_of_dead(path: Path, scheme: str) -> socket.socket:
    """A socket that another program has put there."""
    kind = socket.SOCK_DGRAM if scheme == "unixgram" else socket.SOCK_STREAM
    other = socket.socket(socket.AF_UNIX, kind)
    other.bind(str(path))
    return other


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_socket_of_another_program_is_left_until_that_has_ended(scheme, site, tmp_path):
    path, reactor = tmp_path / "s", LookingLater()
    listener = start(site, f"{scheme}:{path}", reactor)
    path.unlink()
    with client_of_dead(path, scheme) as other:
        if scheme == "unix":
            other.listen()
        theirs = path.stat().st_ino
        with logged() as messages:
            reactor.look()
            reactor.look()
        (told,) = (message for message in messages if GONE in message)
        assert told.endswith(
            f"{scheme}:{path}: another program listens on {path}; stop it or take another"
            "; mend that, then reload (SIGHUP)"
        )
        with pytest.raises(ListenError, match="another program listens"):
            listener.check_and_reload()
        assert path.stat().st_ino == theirs
    listener.check_and_reload()
    with client_of(path, scheme) as client:
        client.sendall(b"heard\n")
        await until(lambda: received(site) == b"heard\n", "the line")


async def test_a_file_that_cannot_be_made_anew_is_told(site, tmp_path, monkeypatch):
    reactor, path = LookingLater(), tmp_path / "s"

    def full(bound: socket.socket, address: object) -> None:
        raise OSError(28, "No space left on device")

    listener = start(site, f"unix:{path}", reactor)
    path.unlink()
    with monkeypatch.context() as patch, logged() as messages:
        patch.setattr(socket.socket, "bind", full)
        reactor.look()
    assert any(f"unix:{path}: No space left on device; mend" in message for message in messages)
    listener.check_and_reload()
    client_of(path).close()


async def test_a_user_who_may_not_see_the_socket_file_logs_nothing(site, tmp_path, monkeypatch):
    """As after --uid, for a directory that is closed to that user."""
    reactor, path = LookingLater(), tmp_path / "s"
    listener = start(site, f"unix:{path}", reactor)
    lstat = os.lstat

    def closed(at: Any) -> os.stat_result:
        if at == str(path):
            raise PermissionError(13, "Permission denied")
        return lstat(at)

    with monkeypatch.context() as patch, logged() as messages:
        patch.setattr(os, "lstat", closed)
        reactor.look()
        listener.check_and_reload()
    assert messages == []
    client_of(path).close()


async def test_datagrams_that_wait_while_it_is_paused_are_not_lost(site, tmp_path):
    path, reactor = tmp_path / "s", LookingLater()
    listener = start(site, f"unixgram:{path}", reactor)
    listener.pauseProducing()
    with client_of(path, "unixgram") as client:
        client.send(b"one")
        path.unlink()
        client.send(b"two")
        reactor.look()
        with pytest.raises(ConnectionRefusedError):
            client.send(b"nobody would hear this")
        client.connect(str(path))
        client.send(b"three")
        assert site.receiver.payloads == []
        listener.resumeProducing()
        await until(lambda: len(site.receiver.payloads) == 3, "the datagrams")
    assert site.receiver.payloads == [b"one", b"two", b"three"]


async def test_who_sends_to_the_old_one_is_told_also_where_somebody_else_has_it_open(
    site, tmp_path
):
    """As the service manager has, for a moment; and what it held is heard without a datagram more."""
    path, reactor, copies = tmp_path / "s", LookingLater(), list[int]()
    kept = KeptSockets([], lambda data, open_files: copies.extend(map(os.dup, open_files)))
    start(site, f"unixgram:{path}", reactor, kept)
    with client_of(path, "unixgram") as client:
        path.unlink()
        client.send(b"one")
        reactor.look()
        with pytest.raises(BrokenPipeError):
            client.send(b"nobody would hear this")
    await until(lambda: site.receiver.payloads == [b"one"], "the datagram")
    for copy in copies:
        os.close(copy)


async def test_a_removed_socket_of_a_socket_unit_is_only_logged(site, tmp_path):
    path, reactor = tmp_path / "s", LookingLater()
    with socket.socket(socket.AF_UNIX) as given, Descriptor(os.dup(given.fileno())) as copy:
        given.bind(str(path))
        given.listen()
        kept = KeptSockets([(copy, "lines")])
        listener = start(site, f"unix:{path}", reactor, kept)
        path.unlink()
        with logged() as messages:
            reactor.look()
            reactor.look()
        (told,) = messages
        assert f"unix:{path} is of a .socket unit: stop the service, restart that" in told
        listener.check_and_reload()
        assert not path.exists()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_service_manager_keeps_the_new_socket(scheme, site, tmp_path):
    path, reactor, told = tmp_path / "s", LookingLater(), list[bytes]()
    kept = KeptSockets([], lambda data, descriptors: told.append(data))
    start(site, f"{scheme}:{path}", reactor, kept)
    kind = socket.SOCK_DGRAM if scheme == "unixgram" else socket.SOCK_STREAM

    def name() -> str:
        file = socket_file_id(str(path))
        return ListeningAddress(kind, socket.AF_UNIX, os.fsencode(path), file).name

    first = name()
    path.unlink()
    reactor.look()
    assert first != name()
    assert told == [
        f"FDSTORE=1\nFDNAME={first}\n".encode(),
        f"FDSTOREREMOVE=1\nFDNAME={first}\n".encode(),
        f"FDSTORE=1\nFDNAME={name()}\n".encode(),
    ]


def test_only_the_file_of_our_own_socket_is_removed(tmp_path):
    path = tmp_path / "log"
    endpoint = parse_endpoint(f"unixgram:{path}")
    unbound, ours, other = (
        ListenerAddress(SimpleNamespace(endpoint=endpoint), None, Clock()) for _ in range(3)
    )
    with bound_socket(endpoint):
        ours.note_bound()
        path.unlink()
        ours.leave()
        with bound_socket(endpoint):
            other.note_bound()
            for place in (ours, unbound):
                place.leave()
            assert path.exists()
            other.leave()
            assert not path.exists()
