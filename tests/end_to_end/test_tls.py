"""Lines over TLS."""

import resource
import signal
import socket
import ssl
from functools import partial
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.commands import logsrv
from tests.parts.programs import missing
from tests.parts.store_reader import stored_lines


@pytest.mark.slow
def test_tls(logger, certificate):
    """A client that verifies the certificate sends lines; their source says that they came over TLS."""
    server = logger(
        listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    lines = [b"line %d" % number for number in range(20_000)]
    with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
        connection.sendall(b"\n".join(lines))
        connection.unwrap().close()
    assert server.wait_for_messages(len(lines)) == lines
    assert stored_lines(server.store)[0].source.startswith(b"tls:127.0.0.1:")


@pytest.mark.slow
def test_lines_before_a_close_are_stored(logger, certificate):
    """They read nothing: an unrequested answer to them would lose their lines."""
    server = logger(
        listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    lines = [b"line %d " % number + b"x" * 200 for number in range(20_000)]
    for _ in range(5):
        with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            connection.sendall(b"\n".join(lines) + b"\n")
    assert len(server.wait_for_messages(5 * len(lines))) == 5 * len(lines)


def test_a_client_that_speaks_no_tls(logger, certificate):
    """It is closed, and none of its bytes are stored; the next client is served."""
    server = logger(
        listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"]
    )
    with server.connect() as plain:
        plain.settimeout(PATIENCE)
        plain.sendall(b"plain text\n" * 10)
        while plain.recv(1000):
            pass
    context = ssl.create_default_context(cafile=str(certificate))
    with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
        connection.sendall(b"secret\n")
        assert server.wait_for_messages(1) == [b"secret"]


@pytest.mark.slow
def test_a_peer_that_spoke_telnet_is_said_goodbye_to_at_a_stop(logger, certificate):
    """It was once cut off only at the end of the stop's time: its answer kept the connection open."""
    server = logger(
        listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    with context.wrap_socket(
        server.connect(), server_hostname="localhost", suppress_ragged_eofs=False
    ) as connection:
        connection.sendall(b"\xff\xfb\x01one\n")
        assert connection.recv(100) == b"\xff\xfe\x01"
        server.wait_for_messages(1)
        server.send_signal(signal.SIGTERM)
        assert connection.recv(100) == b""
        connection.unwrap().close()


@pytest.mark.parametrize("number", [20, pytest.param(1500, marks=pytest.mark.long)])
def test_clients_that_say_no_goodbye_lose_nothing_at_a_stop(logger, certificate, number):
    """They were once cut off at the end of the stop's time, as the server waited for their close_notify."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < number + 200:
        missing(f"this user may open {hard} files only")
    server = logger(
        listen=[f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    clients = []
    try:
        for _ in range(number):
            clients.append(context.wrap_socket(server.connect(), server_hostname="localhost"))
        for index, client in enumerate(clients):
            client.sendall(b"line %d\n" % index)
        assert server.stop() in (0, -signal.SIGTERM)
    finally:
        for client in clients:
            client.close()
    assert sorted(server.messages()) == sorted(b"line %d" % index for index in range(number))
    assert "logsrv: stopped, 0 connections cut off" in server.log()


def test_certificate_gives_source(logger, certificate, tmp_path):
    """The name is the source of its lines, and a search finds it; a client without one is refused."""
    authority = Authority(tmp_path)
    server = logger(
        listen=[
            f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}:clientca={authority.cafile}"
        ]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    nobody = context.wrap_socket(server.connect(), server_hostname="localhost")
    with nobody, pytest.raises(OSError):
        nobody.recv(1)
    context.load_cert_chain(authority.certify("shop.example"))
    with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
        connection.sendall(b"secret\n")
        assert server.wait_for_messages(1) == [b"secret"]
    [line] = stored_lines(server.store)
    assert line.source.startswith(b"tls:127.0.0.1:")
    assert line.source.endswith(b",dns=shop.example")
    search = ("search", "host=127.0.0.1", "--source", "*,dns=shop.example")
    found = logsrv(*search, "--output", "raw", "--directory", str(server.store))
    assert found.stdout == b"secret\n"


INPUTS = ("lines", "syslog", "relp", "forward", "gelf", "lumberjack", "python", "http", "journal")


@pytest.mark.parametrize("raw", [False, True])
def test_a_client_that_speaks_tls_to_a_listener_without(logger, tmp_path, raw):
    """The handshake fails at once at every input; none of it is stored, and others are served."""
    listen = [f"{name}:tcp:0:interface=127.0.0.1" for name in INPUTS]
    path = tmp_path / "s"
    server = logger(*["--raw"] * raw, listen=[*listen, f"unix:{path}"])
    others = [server.connect(index) for index in (0, 0)]
    others[0].sendall(b"begun ")
    # The first byte alone may begin TLS or text.
    others[1].sendall(b"\x16")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    places = [partial(server.connect, index) for index in range(len(INPUTS))]
    for connect in (*places, partial(connected_to, path)):
        with connect() as connection:
            connection.settimeout(PATIENCE)
            with pytest.raises(ssl.SSLError, match=r"(?i)alert.handshake.failure"):
                context.wrap_socket(connection)
    others[0].sendall(b"and ended\n")
    others[1].sendall(b"text\n")
    stored = server.wait_for_messages(2)
    assert sorted(stored) == sorted([b"begun and ended", b"\x16text" if raw else rb"\x16text"])
    for name in INPUTS:
        server.wait_for_log(
            f"{name}:tcp:.* refused 127.0.0.1: it speaks TLS; this listener does not"
        )
    server.wait_for_log("unix:.* refused a local peer: it speaks TLS")
    for other in others:
        other.close()


def connected_to(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection
