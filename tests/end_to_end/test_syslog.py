"""Common senders of syslog, over every transport: each message is stored as one line."""

import json
import logging
import logging.handlers
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rfc5424logging import Rfc5424SysLogHandler

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.peers import as_stored, from_file, rsyslog, syslog_ng, texts
from tests.parts.daemons import Logger
from tests.parts.programs import missing, program

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
def test_lines_of_logger_are_stored(logger, listen, flags):
    """util-linux's logger sends each line of its input as one message."""
    command = program("logger", "bsdutils")
    server = logger(listen=[listen])
    words = [command, "-n", "127.0.0.1", "-P", str(server.port()), *flags, "-t", "me"]
    lines = [f"number {number} grüße" for number in range(100)]
    subprocess.run(words, input="\n".join(lines).encode(), check=True, timeout=PATIENCE)
    found = server.wait_for_messages(100)
    assert len(found) == 100
    for message, line in zip(found, lines, strict=True):
        assert re.match(rb"<13>(1 |[A-Z][a-z]{2} )", message) and message.endswith(line.encode())


def test_logger_at_a_socket_of_datagrams(logger, tmp_path):
    """`logger --socket` sends as it writes to /dev/log."""
    command = program("logger", "bsdutils")
    path = tmp_path / "devlog"
    server = logger(listen=[f"syslog:unixgram:{path}"])
    subprocess.run(
        [command, "--socket", str(path), "-t", "me", "to /dev/log"], check=True, timeout=PATIENCE
    )
    (line,) = server.wait_for_messages(1)
    assert re.fullmatch(rb"<13>[A-Z][a-z]{2} .{11} me: to /dev/log", line)


@pytest.mark.long
def test_rsyslog_over_tcp(logger, tmp_path):
    """Here rsyslog sends lines without octet counts; test_sending.py has them with counts."""
    server = logger(listen=[TCP])
    sent = [text.replace("\n", " ") for text in texts()]
    action = f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="tcp")'
    with rsyslog(tmp_path, action) as sender:
        sender.send(sent)
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 1000, "all")
    found = [message for message in server.messages() if b" app: " in message]
    assert [message.partition(b" app: ")[2] for message in found] == list(map(as_stored, sent))


def test_rsyslog_counting_what_has_no_priority(logger, tmp_path):
    """With a JSON template of omfwd only the octet counts say where a message ends."""
    server = logger(listen=[TCP])
    sent = [f'{{"n":{number},"text":"grüße 12 {{5 of }}"}}' for number in range(10_000)]
    action = (
        'template(name="json" type="list" option.jsonf="on") {\n'
        '  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")\n'
        '  property(outname="app" name="programname" format="jsonf")\n'
        '  property(outname="text" name="msg" position.from="2" format="jsonf")\n}\n'
        f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="tcp"'
        ' TCP_Framing="octet-counted" template="json")'
    )
    with rsyslog(tmp_path, action) as sender:
        sender.send(sent)
        server.wait_until(
            lambda: server.current.read_bytes().count(b'"app":"app"') >= 10_000, "all"
        )
    found = [json.loads(message) for message in server.messages()]
    assert [record["text"] for record in found if record["app"] == "app"] == sent


@pytest.mark.long
def test_messages_of_rsyslog_over_udp_are_stored(logger, tmp_path):
    server = logger(listen=[UDP])
    action = f'action(type="omfwd" target="127.0.0.1" port="{server.port()}" protocol="udp")'
    sent = texts(200)
    with rsyslog(tmp_path, action) as sender:
        sender.send(sent)
        server.wait_until(lambda: server.current.read_bytes().count(b"app: ") >= 200, "all")
    found = [message for message in server.messages() if b" app: " in message]
    assert [message.partition(b" app: ")[2] for message in found] == list(map(as_stored, sent))


@pytest.mark.long
def test_syslog_ng(logger, tmp_path):
    """`network(…)` sends lines of RFC 3164; test_sending.py has `syslog(…)`."""
    server = logger(listen=[TCP])
    sent = [text.replace("\n", " ") for text in texts()]
    network = f'network("127.0.0.1" port({server.port()}) transport("tcp"));'
    with syslog_ng(tmp_path, from_file(tmp_path, sent), network):
        server.wait_until(lambda: server.current.read_bytes().count(b"number ") >= 1000, "all")
    found = server.messages()
    assert len(found) == 1000
    for message, text in zip(found, sent, strict=True):
        assert message.startswith(b"<13>") and message.endswith(as_stored(text))


@pytest.mark.parametrize(
    ("listen", "kind"), [(TCP, socket.SOCK_STREAM), (UDP, socket.SOCK_DGRAM)], ids=["tcp", "udp"]
)
def test_python(logger, listen, kind):
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
    # In a stream only the first NUL shows that line ends do not end messages.
    assert found == [b"<12>" + as_stored(text) for text in sent]


@pytest.mark.parametrize(
    ("listen", "kind"), [(TCP, socket.SOCK_STREAM), (UDP, socket.SOCK_DGRAM)], ids=["tcp", "udp"]
)
def test_rfc5424_logging_handler(logger, listen, kind):
    """It writes a BOM before the text; over TCP it uses octet counts, and writes newlines as `\\n`."""
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


def own_dev(directory: Path, *more: str) -> list[str]:
    """Return the words to run a command in its own network and /dev. Skips without root."""
    if os.getuid():
        missing("needs root, for a network of its own")
    real = directory / "dev"
    real.mkdir()
    surroundings = f"""
        ip link set lo up
        mount --rbind /dev {real}
        mount -t tmpfs -o mode=755 none /dev
        for name in null zero random urandom; do
            touch /dev/$name
            mount --bind {real}/$name /dev/$name
        done
        {"; ".join(more)}
        exec "$@"
    """
    return [program("unshare", "util-linux"), "-n", "-m", "sh", "-ec", surroundings, "sh"]


def inside(server: Logger, *words: str) -> list[str]:
    """Return the words to run a command in the namespaces of a server."""
    return [program("nsenter", "util-linux"), "-t", str(server.pid), "-n", "-m", *words]


@pytest.mark.long
def test_classic_syslog_listens_on_port_514_and_dev_log(logger, tmp_path):
    """Port 514 and /dev/log are those of a private network and /dev."""
    server = logger("--classic-syslog", prefix=own_dev(tmp_path))
    command = program("logger", "bsdutils")
    for words in (
        ["over", "dev log"],
        ["-n", "127.0.0.1", "-d", "over", "udp"],
        ["-n", "127.0.0.1", "-P", "514", "-T", "over", "tcp"],
    ):
        subprocess.run(inside(server, command, "-t", "me", *words), check=True, timeout=PATIENCE)
    found = server.wait_for_messages(3)
    assert sorted(message.rpartition(b"over ")[2] for message in found) == [
        b"dev log",
        b"tcp",
        b"udp",
    ]


@pytest.mark.long
@pytest.mark.complains("cannot start: udp:514: no permission")
def test_classic_syslog_without_permission_says_so(logger, tmp_path):
    """Without permission for port 514 the start fails with one sentence; without /dev/log the port is
    served.
    """
    setpriv = program("setpriv", "util-linux")
    drop = [setpriv, "--bounding-set=-all", "--inh-caps=-all"]
    prefix = own_dev(tmp_path, "chown nobody /dev")
    server = logger("--classic-syslog", prefix=[*prefix, *drop], wait=False)
    assert server.wait() == 1
    assert "udp:514: no permission for this port; one below 1024 needs root" in server.log()
    (tmp_path / "again").mkdir()
    ports = "sysctl -qw net.ipv4.ip_unprivileged_port_start=0"
    prefix = own_dev(tmp_path / "again", "chown nobody /dev", ports)
    server = logger("--classic-syslog", prefix=[*prefix, *drop], directory=tmp_path / "again")
    assert "goes without /dev/log: " in server.log()
    assert "no permission to make the socket /dev/log" in server.log()
    send = inside(server, program("logger", "bsdutils"), "-n", "127.0.0.1", "-P", "514", "-T", "x")
    subprocess.run(send, check=True, timeout=PATIENCE)
    [message] = server.wait_for_messages(1)
    assert message.endswith(b" x")


@pytest.mark.long
def test_messages_that_journald_forwards_are_stored_whole(logger, tmp_path):
    """logsrv listens where rsyslog would; messages of several lines and of 20 KB are stored whole."""
    journald = Path("/lib/systemd/systemd-journald")
    if not journald.exists():
        missing("journald is not installed (Debian: apt install systemd)")
    place = "/run/systemd/journal"
    # The value of systemd; with the kernel's default of ten, journald drops messages when ten wait.
    queue = "sysctl -qw net.unix.max_dgram_qlen=512"
    places = f"mkdir -p {place} /run/systemd/system"
    prefix = own_dev(tmp_path, queue, "mount -t tmpfs none /run", places)
    server = logger(listen=[f"syslog:unixgram:{place}/syslog"], prefix=prefix)
    with (tmp_path / "journald").open("wb") as output:
        running = subprocess.Popen(inside(server, str(journald)), stdout=output, stderr=output)
    sent = texts(100)
    script = f"""
import json, os, socket, sys, time
while not os.path.exists("{place}/dev-log"):
    time.sleep(0.01)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.connect("{place}/dev-log")
    for text in json.load(sys.stdin):
        sender.send(f"<132>Nov 20 06:18:42 shop[7]: {{text}}".encode())
"""
    try:
        subprocess.run(
            inside(server, sys.executable, "-c", script),
            input=json.dumps(sent).encode(), check=True, timeout=PATIENCE,
        )  # fmt: skip
        server.wait_until(lambda: server.current.read_bytes().count(b" shop[7]: ") >= 100, "all")
    finally:
        running.terminate()
        running.wait(PATIENCE)
    found = [message for message in server.messages() if b" shop[7]: " in message]
    assert [message.partition(b": ")[2] for message in found] == list(map(as_stored, sent))
    assert all(message.startswith(b"<132>") for message in found)
