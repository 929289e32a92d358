"""What masks cost: CPU per line without a mask and with one, beside rsyslog and syslog-ng.

    .venv/bin/python -m bench.masks
    .venv/bin/python -m bench.masks --runs 5 --share all --peers ..

A million lines of 85 bytes come over one TCP connection; in a share of them there is a match. The servers
take turns. A figure is the least CPU time of all threads of a server, as the scheduler counts it: other
programs on the machine disturb it little. rsyslog has no masks by expression; its module `mmanon` masks
addresses. syslog-ng has `subst` with an expression of PCRE. Without a mask, both are as in `make bench`.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from bench import proc
from bench.child import running
from bench.runs import free_port
from bench.servers import Listener, Logsrv, Peer, Rsyslog, Server, SyslogNg
from bench.table import markdown
from logsrv.kit.testing import wait_until

SIZE, PIECE = 85, 1 << 20
PATIENCE = 60.0
SHARES = {"none": 0, "1 of 100": 100, "all": 1}
_HEAD = b"2026-12-01T05:12:44Z web-1 checkout[4211]: "


@attrs.frozen
class Masked:
    """A mask. match: a text that it masks; other: one of the same form that it leaves."""

    expression: str
    match: bytes
    other: bytes


MASKS = {
    "cards": Masked(r"\b\d{16}\b", b"4929123456781234", b"492912345678"),
    "addresses": Masked(r"\b(\d{1,3}\.){3}\d{1,3}\b", b"192.168.104.217", b"version 10.2.33"),
    "mail": Masked(r"[\w.+-]+@[\w.-]+\.[a-z]{2,}", b"ann.smith@example.org", b"ann.smith at home"),
    "passwords": Masked(r"password=[^ ]+", b"password=hunter2", b"passport=none"),
    "either": Masked(r"\b(\d[ -]?){13,16}\b", b"4929 1234 5678 1234", b"4929 1234"),
}
LAST = b"this is the last one\n"


def line(text: bytes) -> bytes:
    """Return a line of SIZE bytes with this text in it."""
    return (_HEAD + b"user " + text + b" has paid with pleasure").ljust(SIZE - 1, b".") + b"\n"


def sent(mask: Masked, share: int, lines: int) -> bytes:
    """Return so many lines, of which one of `share` has a match; 0 for none."""
    other, match = line(mask.other), line(mask.match)
    if not share:
        return other * lines
    return (match + other * (share - 1)) * (lines // share)


def measure(server: Server, text: bytes, base: Path, *, is_masked: bool) -> float:
    """Return the CPU seconds that a server needs for a text, and look at what it has stored."""
    work = Path(tempfile.mkdtemp(prefix="masks-", dir=base))
    try:
        port = free_port("tcp")
        launch = server.launch(Listener("tcp", port, 1), work)
        ready = partial(proc.is_bound, "tcp", port)
        with running(launch.command, launch.env, work / "said", ready) as process:
            before = proc.scheduled(process.pid)
            with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as client:
                for at in range(0, len(text), PIECE):
                    client.sendall(text[at : at + PIECE])
                client.sendall(_HEAD + LAST)
                wait_until(
                    partial(_is_whole, launch.output), f"the last line in {server.name}", PATIENCE
                )
                used = proc.scheduled(process.pid) - before
        stored = launch.output.read_bytes()
        of_text, number = text.count(b"\n"), stored.count(b"\n") - 1
        if number != of_text:
            raise SystemExit(f"{server.name} stored {number} lines instead of {of_text}")
        shown = stored.count(b"(masked)") or stored.count(b"xxx.xxx.xxx.xxx")
        if bool(shown) != is_masked:
            raise SystemExit(f"{server.name} has masked {shown} lines")
        return used
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(LAST)))
        return file.read() == LAST


def servers(mask: Masked, name: str, peers: Path | None) -> list[tuple[str, Server]]:
    """Return the servers that are there, each without this mask and with it."""
    rsyslog = Rsyslog(Peer("rsyslogd", None if peers is None else peers / "rsyslog"))
    syslog_ng = SyslogNg(Peer("syslog-ng", None if peers is None else peers / "syslog-ng"))
    pairs: list[tuple[Server, Server | None]] = [
        (Logsrv(), Logsrv(("--mask", f"/{mask.expression}/"))),
        (
            rsyslog,
            attrs.evolve(rsyslog, template="rsyslog-mask.conf") if name == "addresses" else None,
        ),
        (
            syslog_ng,
            attrs.evolve(syslog_ng, mask=mask.expression),
        ),
    ]
    found: list[tuple[str, Server]] = []
    for without, masked in pairs:
        if masked is not None and without.missing() is None:
            found += ("without", without), ("masked", masked)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1_000_000, help="a multiple of 100")
    parser.add_argument("--mask", choices=[*MASKS], action="append", default=[])
    parser.add_argument("--share", choices=[*SHARES], action="append", default=[])
    parser.add_argument("--peers", type=Path, help="where rsyslog and syslog-ng are unpacked")
    parser.add_argument("--directory", type=Path, help="for the files of the servers")
    asked = parser.parse_args(arguments)
    rows = []
    for name in asked.mask or MASKS:
        for share in asked.share or SHARES:
            mask = MASKS[name]
            text = sent(mask, SHARES[share], asked.lines)
            least: dict[tuple[str, str], float] = defaultdict(lambda: float("inf"))
            for _ in range(asked.runs):
                for kind, server in servers(mask, name, asked.peers):
                    is_masked = kind == "masked" and share != "none"
                    used = measure(server, text, asked.directory, is_masked=is_masked)
                    key = server.name, kind
                    least[key] = min(least[key], used)
            for server_name in dict.fromkeys(one for one, _ in least):
                without, masked = (
                    least[server_name, kind] * 1e6 / asked.lines for kind in ("without", "masked")
                )
                cells = f"{without:.2f}", f"{masked:.2f}", f"{masked / without:.1f}"
                rows.append((name, share, server_name, *cells))
                print(*rows[-1], file=sys.stderr, flush=True)
    head = ("mask", "lines with a match", "server", "CPU s per M lines", "with the mask", "ratio")
    print(markdown(head, rows))


if __name__ == "__main__":
    main()
