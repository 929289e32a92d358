"""What really sends syslog, over every transport: each message is one line, as it was sent."""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from rfc5424logging import Rfc5424SysLogHandler

from tests.end_to_end.conftest import Start
from tests.end_to_end.peers import as_stored, rsyslog, syslog_ng, texts
from tests.programs import missing, program

TCP = "syslog:tcp:0:interface=127.0.0.1"
UDP = "syslog:udp:0:interface=127.0.0.1:rcvbuf=8MiB"


@pytest.mark.parametrize(
    ("listen", "flags"),
    [
        (TCP, ["-T"]),
        (TCP, ["-T", "--octet-count"]),
        (TCP, ["-T", "--rfc3164"]),
        (UDP, ["-d"]),
        (UDP, ["-d", "--rfc5424=notime"]),
    ],
)
def test_logger(logger: Start, listen: str, flags: list[str]) -> None:
    """util-linux's logger sends each line of its input as one message."""
    command = program("logger", "bsdutils")
    server = logger(listen=[listen])
    words = [command, "-n", "127.0.0.1", "-P", str(server.port()), *flags, "-t", "me"]
    lines = [f"number {number} grüße" for number in range(100)]
    subprocess.run(words, input="\n".join(lines).encode(), check=True, timeout=20)
    found = server.wait_for_messages(100)
    assert len(found) == 100
    for message, line in zip(found, lines, strict=True):
        assert re.match(rb"<13>(1 |[A-Z][a-z]{2} )", message) and message.endswith(line.encode())


def test_logger_at_a_socket_of_datagrams(logger: Start, tmp_path: Path) -> None:
    """As it writes to /dev/log."""
    command = program("logger", "bsdutils")
    path = tmp_path / "devlog"
    server = logger(listen=[f"syslog:unixgram:{path}"])
    subprocess.run([command, "--socket", str(path), "-t", "me", "to /dev/log"], check=True)
    (line,) = server.wait_for_messages(1)
    assert re.fullmatch(rb"<13>[A-Z][a-z]{2} .{11} me: to /dev/log", line)


@pytest.mark.long
def test_rsyslog_over_tcp(logger: Start, tmp_path: Path) -> None:
    """Without counts it sends each line by itself; with them: test_sending.py."""
    server = logger(listen=[TCP])
    sent = [text.replace("\n", " ") for text in texts()]
    action = f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="tcp")'
    with rsyslog(tmp_path, action) as sender:
        sender.send(sent)
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 1000, "all")
    found = [message for message in server.messages() if b" app: " in message]
    assert [message.partition(b" app: ")[2] for message in found] == list(map(as_stored, sent))


@pytest.mark.long
def test_rsyslog_over_udp(logger: Start, tmp_path: Path) -> None:
    server = logger(listen=[UDP])
    action = f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="udp")'
    sent = texts(200)
    with rsyslog(tmp_path, action) as sender:
        sender.send(sent)
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 200, "all")
    found = [message for message in server.messages() if b" app: " in message]
    assert [message.partition(b" app: ")[2] for message in found] == list(map(as_stored, sent))


@pytest.mark.long
def test_syslog_ng(logger: Start, tmp_path: Path) -> None:
    """`network(…)` sends lines of RFC 3164; `syslog(…)`: test_sending.py."""
    server = logger(listen=[TCP])
    sent = [text.replace("\n", " ") for text in texts()]
    (tmp_path / "in.log").write_text("".join(f"{text}\n" for text in sent))
    with syslog_ng(
        tmp_path,
        f'file("{tmp_path}/in.log" flags(no-parse) read-old-records(yes) follow-freq(0.1)'
        ' log-msg-size(65536) program-override("app"));',
        f'network("127.0.0.1" port({server.port()}) transport("tcp"));',
    ):
        server.wait_until(lambda: server.current.read_bytes().count(b"number ") >= 1000, "all")
    found = server.messages()
    assert len(found) == 1000
    for message, text in zip(found, sent, strict=True):
        assert message.startswith(b"<13>") and message.endswith(as_stored(text))


@pytest.mark.parametrize(
    ("listen", "kind"), [(TCP, socket.SOCK_STREAM), (UDP, socket.SOCK_DGRAM)], ids=["tcp", "udp"]
)
def test_python(logger: Start, listen: str, kind: socket.SocketKind) -> None:
    """SysLogHandler ends each message with a NUL, and leaves the lines in it."""
    server = logger(listen=[listen])
    count = 1000 if kind == socket.SOCK_STREAM else 100
    handler = logging.handlers.SysLogHandler(("127.0.0.1", server.port()), socktype=kind)
    log = logging.Logger("test")
    log.addHandler(handler)
    sent = [f"text {text}" for text in texts(count)]
    for text in sent:
        log.warning("%s", text)
    handler.close()
    found = server.wait_for_messages(count)
    # Of a stream, nobody can tell before the first NUL that lines do not end messages.
    assert found == [b"<12>" + as_stored(text) for text in sent]


@pytest.mark.parametrize(
    ("listen", "kind"), [(TCP, socket.SOCK_STREAM), (UDP, socket.SOCK_DGRAM)], ids=["tcp", "udp"]
)
def test_rfc5424_logging_handler(logger: Start, listen: str, kind: socket.SocketKind) -> None:
    """It writes a BOM before the text; over TCP it counts, and writes newlines as `\\n` itself."""
    server = logger(listen=[listen])
    handler = Rfc5424SysLogHandler(("127.0.0.1", server.port()), socktype=kind)
    log = logging.Logger("test")
    log.addHandler(handler)
    sent = texts(100)
    for number, text in enumerate(sent):
        log.warning("%s", text, extra={"structured_data": {"x@32473": {"n": str(number)}}})
    handler.close()
    found = server.wait_for_messages(100)
    assert len(found) == 100
    for number, (message, text) in enumerate(zip(found, sent, strict=True)):
        assert re.match(rb"<12>1 \d{4}-", message)
        assert b'[x@32473 n="%d"]' % number in message
        expected = text.replace("\n", r"\n") if kind == socket.SOCK_STREAM else text
        assert message.endswith(b"\xef\xbb\xbf" + as_stored(expected))


@pytest.mark.long
def test_classic_places(logger: Start, tmp_path: Path) -> None:
    """Port 514 and /dev/log, in a network and a /dev of their own."""
    if os.getuid():
        missing("needs root, for a network of its own")
    unshare, enter = program("unshare", "util-linux"), program("nsenter", "util-linux")
    command = program("logger", "bsdutils")
    real = tmp_path / "dev"
    real.mkdir()
    surroundings = f"""
        ip link set lo up
        mount --rbind /dev {real}
        mount -t tmpfs none /dev
        for name in null zero random urandom; do
            touch /dev/$name
            mount --bind {real}/$name /dev/$name
        done
        exec "$@"
    """
    prefix = [unshare, "-n", "-m", "sh", "-ec", surroundings, "sh"]
    server = logger("--classic-syslog", prefix=prefix)
    inside = [enter, "-t", str(server.process.pid), "-n", "-m", command, "-t", "me"]
    for words in (
        ["over", "dev log"],
        ["-n", "127.0.0.1", "-d", "over", "udp"],
        ["-n", "127.0.0.1", "-P", "514", "-T", "over", "tcp"],
    ):
        subprocess.run([*inside, *words], check=True, timeout=20)
    found = server.wait_for_messages(3)
    assert sorted(message.rpartition(b"over ")[2] for message in found) == [
        b"dev log",
        b"tcp",
        b"udp",
    ]
