"""Lines of common clients are in the store as they were sent."""

import logging
import logging.handlers
import os
import pty
import select
import socket
import subprocess

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program
from tests.parts.store_reader import stored_lines


def test_a_line_of_a_plain_socket_is_stored_with_time_and_source(logger):
    """A line is stored as TIME SOURCE MESSAGE, and the source is the client's address."""
    server = logger()
    with server.connect() as connection:
        host, port = connection.getsockname()
        connection.sendall("grüße, world\n\nlast without an end".encode())
    server.wait_for_messages(3)
    lines = stored_lines(server.store)
    assert [line.message for line in lines] == [
        "grüße, world".encode(),
        b"",
        b"last without an end",
    ]
    assert {line.source for line in lines} == {f"tcp:{host}:{port}".encode()}


def test_lines_of_netcat_are_stored(logger):
    nc = program("nc", "netcat-openbsd")
    server = logger()
    subprocess.run(
        [nc, "-N", "127.0.0.1", str(server.port())],
        input=b"one\ntwo\n",
        check=True,
        timeout=PATIENCE,
    )
    assert server.wait_for_messages(2) == [b"one", b"two"]


def test_datagrams_of_netcat_are_stored(logger):
    nc = program("nc", "netcat-openbsd")
    server = logger(listen=["udp:0:interface=127.0.0.1"])
    subprocess.run(
        [nc, "-u", "-w", "1", "127.0.0.1", str(server.port())],
        input=b"a datagram\n",
        check=True,
        timeout=PATIENCE,
    )
    assert server.wait_for_messages(1) == [b"a datagram"]


def test_lines_typed_in_telnet_are_stored(logger):
    """A person types two lines at a telnet prompt; the negotiation is never stored."""
    telnet = program("telnet", "telnet")
    server = logger()
    process, terminal = pty.fork()
    if process == 0:
        os.execv(telnet, [telnet, "127.0.0.1", str(server.port())])
    try:
        _read_until(terminal, b"Escape character is")
        os.write(terminal, b"hello from telnet\r")
        server.wait_for_messages(1)
        # ^] and "send ayt": Are You There, a question of Telnet.
        os.write(terminal, b"\x1d")
        _read_until(terminal, b"telnet>")
        os.write(terminal, b"send ayt\r")
        _read_until(terminal, b"logsrv")
        os.write(terminal, b"\x1d")
        _read_until(terminal, b"telnet>")
        os.write(terminal, b"send do echo\r")
        os.write(terminal, b"second line\r")
        assert server.wait_for_messages(2) == [b"hello from telnet", b"second line"]
        os.write(terminal, b"\x1d")
        _read_until(terminal, b"telnet>")
        os.write(terminal, b"quit\r")
    finally:
        os.close(terminal)
        os.waitpid(process, 0)
    assert server.messages() == [b"hello from telnet", b"second line"]


def _read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b""

    def look() -> bool:
        nonlocal seen
        if select.select([terminal], [], [], 0)[0]:
            seen += os.read(terminal, 4096)
        return wanted in seen

    wait_until(look, f"{wanted!r} on the terminal")
    return seen


def test_python_stream_over_unix_socket(logger, tmp_path):
    """A logging.StreamHandler sends over a UNIX stream socket; the source names the process."""
    path = tmp_path / "lines.sock"
    server = logger(listen=[f"unix:{path}"])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        log = logging.Logger("test")
        log.addHandler(logging.StreamHandler(connection.makefile("w")))
        log.error("over a unix socket")
        for handler in log.handlers:
            handler.flush()
    assert server.wait_for_messages(1) == [b"over a unix socket"]
    (line,) = stored_lines(server.store)
    assert line.source.startswith(b"unix:")
    if os.uname().sysname == "Linux":
        assert line.source == f"unix:uid={os.getuid()},pid={os.getpid()}".encode()
