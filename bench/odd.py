"""Unusual syslog and other protocols: the same bytes to logsrv, rsyslog and syslog-ng, for docs/figures.md.

    .venv/bin/python -m bench.odd

Each case has its own connection or datagram, and a marker line after it: the lines stored before the
marker are the result. All servers have default settings; the text after the syslog header is shown. Other
protocols go to logsrv's input for them, and to the syslog port of the other servers.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import msgpack

from bench import child
from bench.servers import DAEMON_PATH, TWISTD
from logsrv.kit.testing import wait_until

HEAD = b"<13>Nov 20 06:18:42 web1 app: "
LONG = HEAD + b"long " + b"x" * 20_000 + b" end"


def counted(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


OVER_TCP = {
    "counted, a newline inside": counted(HEAD + b"one\ntwo"),
    "counted, a newline behind each": counted(HEAD + b"one") + b"\n" + counted(HEAD + b"two") + b"\n",
    "counted, a line, counted": counted(HEAD + b"one") + HEAD + b"two\n" + counted(HEAD + b"three"),
    "counted, no priority": counted(b'{"n": 1}') + counted(b'{"n": 2}\n') + counted(b'{"n": 3}'),
    "plain text": b"plain text\n" + HEAD + b"next\n",
    "digits at the beginning of a line": b"2026-11-20 plain text\n" + HEAD + b"next\n",
    "SysLogHandler": b"<12>app: one\0<12>app: two\nlines\0<12>app: three\0",
    "20 KB": LONG + b"\n" + HEAD + b"next\n",
    "NUL": HEAD + b"a\0b\n" + HEAD + b"next\n",
    "CR LF": HEAD + b"one\r\n",
    "an escape sequence": HEAD + b"\x1b[31mred\n",
    "no UTF-8": HEAD + b"caf\xe9\n",
    "counted, the end missing": counted(HEAD + b"one two three")[:-6],
    "a huge count": b"999999999 " + HEAD + b"one\n" + HEAD + b"two\n",
    "no such priority": b"<999>" + HEAD[4:] + b"x\n",
}  # fmt: skip
RECORD = {"message": "order 1017 paid", "level": "info"}
JSON = json.dumps(RECORD).encode()
ENTRY = b"__REALTIME_TIMESTAMP=1763619798000000\nMESSAGE=order 1017 paid\nPRIORITY=6\n\n"


def posted(path: str, kind: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: log\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    )
    return head.encode() + b"\r\nConnection: close\r\n\r\n" + body


def pickled(record: dict[str, object]) -> bytes:
    data = pickle.dumps(record, 1)
    return struct.pack(">L", len(data)) + data


# Input of logsrv → two records.
OTHERS = {
    "forward": msgpack.packb(["app", 1763619798, RECORD]) * 2,
    "gelf": b'{"version":"1.1","host":"web1","short_message":"order 1017 paid"}\0' * 2,
    "lumberjack": struct.pack(">ccL", b"2", b"W", 2)
    + b"".join(struct.pack(">ccLL", b"2", b"J", n, len(JSON)) + JSON for n in (1, 2)),
    "http": posted("/", "application/x-ndjson", (JSON + b"\n") * 2),
    "journal": posted("/upload", "application/vnd.fdo.journal", ENTRY * 2),
    "python": pickled({"msg": "order 1017 paid", "levelname": "INFO"}) * 2,
}
OVER_UDP = {
    "20 KB": LONG,
    "a newline inside": HEAD + b"one\ntwo",
    "LF and NUL at the end": HEAD + b"one\n\0",
    "a count": counted(HEAD + b"one"),
}

RSYSLOG = """
global(workDirectory="{work}" net.enableDNS="off")
module(load="imtcp") module(load="imudp")
input(type="imtcp" port="{lines}") input(type="imudp" port="{lines}")
template(name="t" type="string" string="[%syslogtag%]%msg%\\n")
action(type="omfile" file="{work}/out" template="t")
"""
SYSLOG_NG = """@version: 3.38
source a {{ network(ip(127.0.0.1) port({lines}) transport("tcp")); }};
source b {{ syslog(ip(127.0.0.1) port({counts}) transport("tcp")); }};
source c {{ network(ip(127.0.0.1) port({lines}) transport("udp")); }};
destination d {{ file("{work}/out" template("[$MSGHDR]$MSG\\n")); }};
log {{ source(a); source(b); source(c); destination(d); }};
"""


@attrs.frozen
class Peer:
    """A running server. stored: its file of lines. lines, counts, others: ports for lines, for counted
    messages, and for other protocols by the input's name.
    """

    stored: Path
    lines: int
    counts: int
    others: dict[str, int] = attrs.field(factory=dict)

    def after(self, send: Callable[[], None]) -> list[bytes]:
        """Call `send`; return the lines that the server stored because of it."""
        begin = self.stored.stat().st_size if self.stored.exists() else 0
        send()
        marker = f"marker {begin}.".encode()
        with socket.create_connection(("127.0.0.1", self.lines), 10) as client:
            client.sendall(HEAD + marker + b"\n")
        wait_until(
            lambda: self.stored.exists() and marker in self.stored.read_bytes()[begin:], "it"
        )
        lines = self.stored.read_bytes()[begin:].split(b"\n")
        return [line for line in lines if line and b"marker " not in line]

    def tcp(self, case: str, data: bytes) -> list[bytes]:
        def send() -> None:
            port = self.counts if "count" in case else self.others.get(case, self.lines)
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                client.settimeout(3)
                with contextlib.suppress(OSError):
                    client.recv(1)

        return self.after(send)

    def udp(self, data: bytes) -> list[bytes]:
        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(data, ("127.0.0.1", self.lines))

        return self.after(send)


def free_ports() -> tuple[int, int]:
    """Return two ports that were free a moment ago."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


@contextlib.contextmanager
def running(name: str, work: Path) -> Iterator[Peer]:
    """Run one of the three servers in the directory `work`."""
    lines, counts = free_ports()
    conf = work / "conf"
    peer = Peer(work / "out", lines, counts)
    if name == "rsyslog":
        conf.write_text(RSYSLOG.format(work=work, lines=lines))
        peer = attrs.evolve(peer, counts=lines)
        words = ["rsyslogd", "-n", "-f", str(conf), "-i", str(work / "pid")]
    elif name == "syslog-ng":
        conf.write_text(SYSLOG_NG.format(work=work, lines=lines, counts=counts))
        places = {"-R": "persist", "-c": "control", "-p": "pid"}
        files = [word for flag, file in places.items() for word in (flag, str(work / file))]
        words = ["syslog-ng", "-F", "-f", str(conf), *files]
    else:
        others = {kind: free_ports()[0] for kind in OTHERS}
        peer = Peer(work / "logs" / "current.log", lines, lines, others)
        listens = [f"syslog:{wire}:{lines}:interface=127.0.0.1" for wire in ("tcp", "udp")]
        listens += [f"{kind}:tcp:{port}:interface=127.0.0.1" for kind, port in others.items()]
        flags = [word for listen in listens for word in ("--listen", listen)]
        words = [*TWISTD, "-n", "--pidfile=", "logsrv", "--directory", str(work / "logs"), *flags]

    def listens_now() -> bool:
        with contextlib.suppress(OSError):
            for port in (peer.lines, peer.counts, *peer.others.values()):
                socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        return False

    with child.running(words, {"PATH": DAEMON_PATH}, work / "log", listens_now):
        yield peer


def shown(line: bytes) -> str:
    text = "".join(
        one if one.isprintable() else repr(one)[1:-1]
        for one in line.decode("utf-8", "backslashreplace")
    )
    return text if len(text) < 100 else f"{text[:70]}… ({len(line)} bytes)"


def main() -> None:
    """Print the lines that each server stores for each case."""
    for name in ("logsrv", "rsyslog", "syslog-ng"):
        program = {"rsyslog": "rsyslogd"}.get(name, name)
        if name != "logsrv" and shutil.which(program, path=DAEMON_PATH) is None:
            sys.exit(f"{program} is not installed: .ci/peers.sh has it")
        with (
            tempfile.TemporaryDirectory(prefix="odd-") as folder,
            running(name, Path(folder)) as peer,
        ):
            print(f"\n{name}")
            cases = [(f"TCP, {case}", peer.tcp(case, data)) for case, data in OVER_TCP.items()]
            cases += [(f"UDP, {case}", peer.udp(data)) for case, data in OVER_UDP.items()]
            cases += [(f"as {kind}", peer.tcp(kind, data)) for kind, data in OTHERS.items()]
        for case, stored in cases:
            print(f"  {case}")
            for line in stored or [b"(nothing)"]:
                print(f"      {shown(line)}")


if __name__ == "__main__":
    main()
