"""What the operator reads when an endpoint cannot be opened, and which files are never deleted."""

import errno
import os
import socket
from pathlib import Path

import pytest
from twisted.internet.error import CannotListenError

from logsrv.kit.net.bind import (
    ListenError,
    bound_socket,
    check_can_bind,
    listen_error,
    listening_address_of,
    remove_stale_socket,
    socket_file_id,
)
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.net.parse import parse_endpoint
from tests.parts.ports import free_port
from tests.parts.reactor import logged


@pytest.fixture
def unix(tmp_path: Path) -> Endpoint:
    return parse_endpoint(f"unix:{tmp_path}/x.sock")


@pytest.mark.parametrize(
    ("text", "number", "sentence"),
    [
        ("tcp:1234", errno.EADDRINUSE, "the port is in use by another program (ss -lntp shows"),
        ("udp:1234", errno.EADDRINUSE, "ss -lnup"),
        ("tcp:80", errno.EACCES, "one below 1024 needs root, CAP_NET_BIND_SERVICE"),
        ("tcp:80:interface=192.0.2.1", errno.EADDRNOTAVAIL, "this machine has no such address"),
        ("tcp6:80", errno.EAFNOSUPPORT, "this machine has no IPv6"),
        ("unix:/no/where/x", errno.ENOENT, "there is no directory /no/where for the socket"),
        ("unix:/no/where/x", errno.EACCES, "its directory must be writable"),
        ("systemd:domain=INET:index=0", errno.ENOTSOCK, "is the .socket unit started?"),
        ("udp:53", errno.EADDRINUSE, "(ss -lnup shows which; a listener at [::] takes IPv4 too)"),
        ("tcp6:53", errno.EADDRINUSE, "(ss -lntp shows which);"),
        ("haproxy:tcp:1234", errno.EADDRINUSE, "the port is in use by another program (ss -lntp"),
        (
            "haproxy:unix:/no/where/x",
            errno.ENOENT,
            "there is no directory /no/where for the socket",
        ),
        ("tcp:80", errno.EIO, "Input/output error"),
    ],
)
def test_a_failed_bind_is_one_sentence_that_names_the_endpoint(text, number, sentence):
    error = CannotListenError(None, 0, OSError(number, os.strerror(number)))
    told = str(listen_error(error, parse_endpoint(text)))
    assert told.startswith(f"{text}: ") and sentence in told and "\n" not in told


@pytest.mark.parametrize("before", ["", "haproxy:"])
def test_a_missing_socket_from_the_service_manager_is_no_index_error(before):
    endpoint = parse_endpoint(f"{before}systemd:domain=INET:index=0")
    assert "LISTEN_FDS" in str(listen_error(IndexError("list index out of range"), endpoint))


KINDS = {"unix": socket.SOCK_STREAM, "unixgram": socket.SOCK_DGRAM}


@pytest.mark.parametrize("scheme", KINDS)
def test_a_socket_left_by_a_dead_process_is_removed(scheme, tmp_path):
    path = tmp_path / "socket"
    endpoint = parse_endpoint(f"{scheme}:{path}")
    with socket.socket(socket.AF_UNIX, KINDS[scheme]) as dead:
        dead.bind(str(path))
    check_can_bind(endpoint)
    assert path.exists()
    remove_stale_socket(endpoint)
    assert not path.exists()


@pytest.mark.parametrize("theirs", KINDS.values())
@pytest.mark.parametrize("scheme", KINDS)
def test_a_socket_that_somebody_listens_on_stays(scheme, theirs, tmp_path):
    path = tmp_path / "socket"
    endpoint = parse_endpoint(f"{scheme}:{path}")
    with socket.socket(socket.AF_UNIX, theirs) as living:
        living.bind(str(path))
        if theirs == socket.SOCK_STREAM:
            living.listen(1)
        for look in (check_can_bind, remove_stale_socket):
            with pytest.raises(ListenError, match="another program listens"):
                look(endpoint)
        assert path.exists()


@pytest.mark.parametrize("scheme", ["tcp", "udp", "ssl"])
def test_a_port_is_looked_at_without_opening_it(scheme, tmp_path):
    """One that is taken is said, one that is free is as free afterwards, and was never there."""
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    port = free_port(kind)
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            other.listen(1)
        (tmp_path / "pem").touch()
        keys = f":privateKey={tmp_path}/pem" if scheme == "ssl" else ""
        endpoint = parse_endpoint(f"{scheme}:{port}:interface=127.0.0.1{keys}")
        with pytest.raises(ListenError, match="in use"):
            check_can_bind(endpoint)
    check_can_bind(endpoint)
    check_can_bind(endpoint)


def test_a_directory_that_is_missing_or_not_ours_is_said(tmp_path):
    with pytest.raises(ListenError, match="there is no directory"):
        check_can_bind(parse_endpoint(f"unix:{tmp_path}/missing/socket"))


@pytest.mark.parametrize(
    "make", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/")]
)
def test_a_file_that_is_no_socket_is_kept(unix, make):
    path = Path(unix.path or "")
    make(path)
    with pytest.raises(ListenError, match="is there and is no socket"):
        remove_stale_socket(unix)
    assert path.is_symlink() or path.exists()


def test_clearing_a_path_without_a_socket_does_nothing(unix):
    remove_stale_socket(unix)
    remove_stale_socket(parse_endpoint("tcp:1"))


def test_an_abstract_socket_has_no_file():
    assert socket_file_id("\0logsrv") is None


def test_only_the_owner_and_the_group_may_send_to_a_datagram_socket(tmp_path):
    path = tmp_path / "log"
    with bound_socket(parse_endpoint(f"unixgram:{path}")):
        assert path.stat().st_mode & 0o777 == 0o660
    path.unlink()
    with bound_socket(parse_endpoint(f"unixgram:{path}:mode=600")):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_small_receive_buffer_is_told_with_the_way_to_a_larger_one(monkeypatch):
    # An option that no kernel has: as if we had no privileges.
    monkeypatch.setattr("logsrv.kit.net.bind.SO_RCVBUFFORCE", 9999)
    with logged() as messages, bound_socket(parse_endpoint("udp:0:rcvbuf=512MiB")):
        pass
    assert any("net.core.rmem_max=536870912" in message for message in messages)
    # Without rcvbuf= nobody has asked for so much.
    monkeypatch.setattr("logsrv.kit.net.bind.DEFAULT_BUFFER", 2**29)
    with logged() as messages, bound_socket(parse_endpoint("udp:0")):
        pass
    assert not messages


def test_the_largest_receive_buffer_is_taken():
    with bound_socket(parse_endpoint(f"udp:0:rcvbuf={2**31 - 1}")) as udp:
        assert udp.getsockname()[1]


def test_a_port_is_free_again_when_its_buffer_cannot_be_had(monkeypatch):
    endpoint = parse_endpoint(f"udp:{free_port(socket.SOCK_DGRAM)}:interface=127.0.0.1")
    monkeypatch.setattr("logsrv.kit.net.bind.DEFAULT_BUFFER", 2**40)
    with pytest.raises((OverflowError, TypeError)) as kept:
        bound_socket(endpoint)
    # Its traceback still holds the socket, which is closed all the same.
    assert kept.tb is not None
    check_can_bind(endpoint)


def test_udp_is_ipv4_or_ipv6_as_its_interface_is():
    with bound_socket(parse_endpoint("udp:0")) as udp:
        assert udp.family == socket.AF_INET
    if socket.has_ipv6:
        with bound_socket(parse_endpoint("udp:0:interface=\\:\\:1")) as udp:
            assert udp.family == socket.AF_INET6


def test_a_name_stands_for_its_ipv4_address_as_where_it_is_bound(monkeypatch):
    """Else a socket that was kept is not found after a restart, and in its own way."""
    found = {
        socket.AF_INET6: (socket.AF_INET6, 1, 6, "", ("::1", 1234, 0, 0)),
        socket.AF_INET: (socket.AF_INET, 1, 6, "", ("127.0.0.1", 1234)),
    }

    def ipv6_first(host: str, port: int, family: int = 0, type: int = 0) -> list[object]:
        return [found[socket.AddressFamily(family)]] if family else [*found.values()]

    monkeypatch.setattr(socket, "getaddrinfo", ipv6_first)
    place = listening_address_of(parse_endpoint("tcp:1234:interface=localhost"))
    assert place is not None
    assert (place.family, place.address) == (socket.AF_INET, ("127.0.0.1", 1234))


def test_a_port_that_the_service_manager_has_elsewhere_is_named():
    """A plain ListenStream=514 is [::]:514; `ss` would show the service manager, or ourselves."""
    with socket.create_server(("0.0.0.0", 0)) as given:
        port = given.getsockname()[1]
        endpoint = parse_endpoint(f"tcp:{port}:interface=127.0.0.1")
        error = OSError(errno.EADDRINUSE, "")
        kept = KeptSockets([(given.fileno(), "logsrv.socket")])
        assert f"service manager listens at 0.0.0.0:{port}; state" in str(
            listen_error(error, endpoint, kept)
        )
        assert "ss -lntp" in str(listen_error(error, endpoint, KeptSockets()))
