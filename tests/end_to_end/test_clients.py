"""Lines of common clients are in the store as they were sent."""

import logging
import logging.handlers
import os
import pty
import select
import socket
import subprocess

import pytest

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
        [nc, "-u", "-w", "1", "127.0.0.1", str(server.port())], input=b"a datagram\n", check=True
    )
    assert server.wait_for_messages(1) == [b"a datagram"]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_line_of_logger_is_stored(logger, transport):
    """The logger of util-linux sends over TCP and over UDP."""
    command = program("logger", "bsdutils")
    server = logger(listen=[f"{transport}:0:interface=127.0.0.1"])
    flag = {"tcp": "-T", "udp": "-d"}[transport]
    subprocess.run(
        [command, "-n", "127.0.0.1", "-P", str(server.port()), flag, "--rfc3164", "-t", "me", "hi"],
        check=True,
        timeout=PATIENCE,
    )
    (line,) = server.wait_for_messages(1)
    assert line.startswith(b"<13>") and line.endswith(b"hi")


def test_logger_unix_datagrams(logger, tmp_path):
    """`logger --socket` sends as it writes to /dev/log."""
    command = program("logger", "bsdutils")
    path = tmp_path / "devlog"
    server = logger(listen=[f"unixgram:{path}"])
    subprocess.run([command, "--socket", str(path), "-t", "me", "to /dev/log"], check=True)
    (line,) = server.wait_for_messages(1)
    assert line.endswith(b"to /dev/log")
    assert stored_lines(server.store)[0].source.startswith(b"unix:")


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


def test_python_syslog_handler(logger):
    """Python's SysLogHandler sends over UDP and over TCP, and ends each message with a NUL."""
    server = logger(listen=["udp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"])
    for kind, port in zip((socket.SOCK_DGRAM, socket.SOCK_STREAM), server.ports(), strict=True):
        handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
        log = logging.Logger("test")
        log.addHandler(handler)
        log.warning("from python %s", kind.name)
        handler.close()
    stored = sorted(server.wait_for_messages(2))
    assert stored == [b"<12>from python SOCK_DGRAM\\x00", b"<12>from python SOCK_STREAM\\x00"]


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


def test_rsyslog_forwards(logger, tmp_path):
    """rsyslog forwards over plain TCP, and every line is stored."""
    rsyslogd = program("rsyslogd", "rsyslog")
    server = logger()
    conf = tmp_path / "rsyslog.conf"
    conf.write_text(
        f'global(workDirectory="{tmp_path}" net.enableDNS="off")\n'
        f'module(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{tmp_path}/in.sock" CreatePath="on" useSysTimeStamp="off"'
        f' RateLimit.Interval="0")\n'
        f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="tcp")\n'
    )
    rsyslog = subprocess.Popen(
        [rsyslogd, "-n", "-f", str(conf), "-i", str(tmp_path / "rsyslog.pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "in.sock").exists, "rsyslog's socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(tmp_path / "in.sock"))
            for number in range(500):
                sender.send(f"<13>Nov 20 06:18:42 app: number {number}".encode())
        server.wait_until(lambda: server.current.read_bytes().count(b"number ") >= 500, "500 lines")
    finally:
        rsyslog.terminate()
        rsyslog.wait()
    numbers = [int(line.rsplit(b" ", 1)[1]) for line in server.messages() if b"number " in line]
    assert numbers == list(range(500))


def test_syslog_ng_forwards(logger, tmp_path):
    """syslog-ng forwards a file over plain TCP, and every line is stored."""
    syslog_ng = program("syslog-ng", "syslog-ng-core")
    server = logger()
    (tmp_path / "in.log").write_text("".join(f"number {number}\n" for number in range(500)))
    conf = tmp_path / "syslog-ng.conf"
    conf.write_text(
        "@version: 3.38\n"
        f'source s {{ file("{tmp_path}/in.log" flags(no-parse) read-old-records(yes)'
        " follow-freq(0.1)); };\n"
        f'destination d {{ network("127.0.0.1" port({server.port()}) transport("tcp")'
        ' template("${MESSAGE}\\n")); };\n'
        "log { source(s); destination(d); };\n"
    )
    process = subprocess.Popen(
        [
            syslog_ng,
            "-F",
            "-f",
            str(conf),
            "-R",
            str(tmp_path / "persist"),
            "-c",
            str(tmp_path / "control"),
            "-p",
            str(tmp_path / "pid"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server.wait_until(lambda: server.current.read_bytes().count(b"number ") >= 500, "500 lines")
    finally:
        process.terminate()
        process.wait()
    assert server.messages() == [f"number {number}".encode() for number in range(500)]
