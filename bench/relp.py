"""Sending RELP: logsrv's shipper compared with rsyslog's omrelp, each to rsyslog's imrelp and to our input.

    TMPDIR=/dev/shm python -m bench.relp                # three rounds: some two minutes
    python -m bench.relp --kind mix --lines 500000

Both send the same messages: logsrv from a sealed segment, rsyslog from a file (imfile, its queue, omrelp).
The receiver is started first. The time is from the first bytes in the receiver's file to the last, and the
file must have all lines. CPU time is the sender's, from the first bytes on.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import attrs

from bench import proc
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD, Launch, Listener, Logsrv, Peer, Rsyslog, Server, filled
from bench.table import markdown
from bench.texts import KINDS, pages
from bench.watch import Growth, follow
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, save_number

PLAIN = "plain"
PATIENCE = 30.0
# librelp's default is 128; larger windows make omrelp faster, up to about this one.
WINDOW = 2000
_STAMP = b"2026-11-20T06:18:42.123456Z tcp:10.1.2.3:40404 "


@attrs.frozen
class Texts:
    """The same messages as a file and as a store. number: of messages."""

    file: Path
    store: Path
    number: int


@attrs.frozen
class Took:
    """One run. rate: lines a second. cpu: CPU seconds of the sender for a million lines."""

    rate: float
    cpu: float


def texts(work: Path, kind: str, number: int) -> Texts:
    """Write `number` messages of a kind, as a file and as a store."""
    if kind == PLAIN:
        lines = [
            b"%srequest %09d was answered by a worker after a while, and more words" % (_STAMP, one)
            for one in range(number)
        ]
    else:
        lines = list(islice((line for page in pages(kind) for line in page.splitlines()), number))
    file, store = work / "messages", work / "store"
    file.write_bytes(b"".join([line.split(b" ", 2)[2] + b"\n" for line in lines]))
    store.mkdir()
    disk = Disk().open_directory(store)
    try:
        segment = Segment(1, "0000000001-20261120T000000Z.log", Form.PLAIN)
        (store / segment.name).write_bytes(b"\n".join([*lines, b""]))
        seal(segment, disk)
        save_number(2, disk)
    finally:
        disk.close()
    (store / "current.log").touch()
    return Texts(file, store, number)


def omrelp(given: Texts, port: str, work: Path, peer: Peer) -> Launch:
    """Return the command with which rsyslog sends the messages."""
    words = {"@ADDRESS@": port, "@WORK@": work, "@OUT@": given.file, "@WINDOW@": WINDOW}
    conf = filled("rsyslog-omrelp.conf", words, work)
    command = [str(peer.find()), "-n", "-f", str(conf), "-i", str(work / "pid")]
    if peer.is_unpacked():
        command += ["-M", ":".join(peer.libraries("imtcp.so"))]
    return Launch(tuple(command), given.file, peer.env())


def shipper(given: Texts, port: str, work: Path) -> Launch:
    """Return the command with which logsrv ships the messages, from the beginning: its cursors are
    removed.
    """
    for file in (given.store / "ship").glob("*"):
        file.unlink()
    options = ("--directory", str(given.store), "--listen", f"unix:{work / 'unused'}")
    command = (
        *TWISTD,
        "-n",
        "--pidfile=",
        "logsrv",
        *options,
        "--ship",
        f"relp://127.0.0.1:{port}",
    )
    return Launch(command, given.file)


def measure(receiver: Server, sender: str, given: Texts, peer: Peer) -> Took:
    """Start a receiver, then a sender; measure until all messages have arrived."""
    with tempfile.TemporaryDirectory() as there, tempfile.TemporaryDirectory() as here:
        port = free_port("tcp")
        to = receiver.launch(Listener("relp", port, 1), Path(there))
        ready = partial(proc.is_bound, "tcp", port)
        with running(to.command, to.env, Path(there, "said"), ready):
            work = Path(here)
            by = (
                omrelp(given, port, work, peer)
                if sender == "omrelp"
                else shipper(given, port, work)
            )
            growth = Growth(to.output)
            with running(by.command, by.env, work / "said", lambda: _began(growth)) as process:
                before = _cpu(process.pid)
                follow(growth, lambda: given.number, PATIENCE)
                cpu = _cpu(process.pid) - before
            if growth.count() != given.number:
                raise SystemExit(f"{sender}: {growth.count():,} of {given.number:,} lines")
            return Took(given.number / growth.seconds, cpu / given.number * 1e6)


def _began(growth: Growth) -> bool:
    growth.look()
    return bool(growth.last_change)


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its descendants."""
    used = proc.cpu(pid)
    return used.user + used.system + sum(map(_cpu, proc.children(pid)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status: 1 if logsrv is slower to rsyslog than rsyslog is."""
    parser = argparse.ArgumentParser(prog="python -m bench.relp", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kind", action="append", choices=(PLAIN, *KINDS), help="repeatable")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="rsyslog unpacked in DIR/rsyslog")
    chosen = parser.parse_args(arguments)
    peer = Peer("rsyslogd", chosen.peers and chosen.peers.resolve() / "rsyslog")
    if missing := peer.missing():
        print(missing)
        return 1
    receivers: dict[str, Server] = {"imrelp": Rsyslog(peer), "logsrv": Logsrv(())}
    rows, slower = [], False
    for kind in chosen.kind or (PLAIN, "mix"):
        with tempfile.TemporaryDirectory() as work:
            given = texts(Path(work), kind, chosen.lines)
            took: dict[tuple[str, str], list[Took]] = {}
            for _ in range(chosen.runs):
                for name, receiver in receivers.items():
                    for sender in ("omrelp", "logsrv"):
                        one = measure(receiver, sender, given, peer)
                        took.setdefault((name, sender), []).append(one)
        for (name, sender), all_ in took.items():
            rates, beside = [one.rate for one in all_], [one.rate for one in took[name, "omrelp"]]
            ratio = statistics.median(a / b for a, b in zip(rates, beside, strict=True))
            slower |= sender == "logsrv" and ratio < 1
            rows.append(
                [
                    f"{kind}, {sender} to {name}",
                    f"{statistics.median(rates):,.0f}",
                    f"{min(rates):,.0f}–{max(rates):,.0f}",
                    f"{statistics.median(one.cpu for one in all_):.2f}",
                    f"{ratio:.2f}",
                ]
            )
    print(markdown(("lines", "a second", "from–to", "CPU s/M", "of omrelp"), rows))
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
