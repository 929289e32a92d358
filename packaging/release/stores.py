"""Makes the stores of a version, which later versions have to read: tests/corpus/stores/VERSION.tar.xz.

    python stores.py BIN OUT

BIN is the directory with that version's `twistd` and `logsrv`. The archive has an edge with compressed
segments, a catalog of small ones, a word index and an active segment; the centre and the archive that it
ships to, with the saved positions of these and of an alert; a backup of it; and `lines`, all that was sent,
in order.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

# The archive's URL is saved in the edge's store, so it has no name of this machine.
PLACE = Path("/srv/logsrv-stores")
SECONDS = 120
WORDS = (
    b"checkout",
    b"payment",
    b"refund",
    b"session",
    b"upstream",
    b"timeout",
    b"ledger",
    b"invoice",
)


def line(number: int) -> bytes:
    """Return one of four kinds of lines, with a word of its own; every fortieth has an id."""
    text = b"%b needle%d" % (WORDS[number % len(WORDS)], number)
    kind = number % 4
    if kind == 0:
        trace = sha256(b"%d" % number).hexdigest()[:32].encode()
        extra = b', "trace": "%b"' % trace if number % 40 == 0 else b""
        return b'{"level": "error", "app": "shop"%b, "ms": %d, "message": "%b"}' % (
            extra,
            number,
            text,
        )
    if kind == 1:
        return b"<11>1 2026-11-20T06:18:42.5Z web%d nginx 42 - - %b" % (number % 3, text)
    if kind == 2:
        stamp = b"20/Nov/2026:06:18:42 +0000"
        return b'10.0.0.%d - - [%b] "GET /?q=%b HTTP/1.1" 503 12' % (number % 256, stamp, text)
    return b"plain \xc3\xa4 \xff \x1b[31m " + text


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"stores: waited in vain for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def daemon(bin_: Path, name: str, configuration: str) -> Iterator[Path]:
    """Run a server until the end of `with`; it writes its log to the path that is yielded."""
    (PLACE / f"{name}.toml").write_text(configuration)
    log = PLACE / f"{name}.log"
    words = (
        bin_ / "twistd",
        "-n",
        "--pidfile=",
        f"--logfile={log}",
        "logsrv",
        "--config",
        f"{name}.toml",
    )
    with subprocess.Popen(words, cwd=PLACE) as process:
        try:
            wait(
                lambda: process.poll() or (log.exists() and "is ready" in log.read_text()),
                f"the start of {name}",
            )
            yield log
        finally:
            process.terminate()


def send(port: int, lines: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"".join(one + b"\n" for one in lines))


def make(bin_: Path) -> list[bytes]:
    """Make the stores below PLACE; return the lines that were sent, in order."""
    edge, centre = PLACE / "edge", PLACE / "centre"
    (PLACE / "archive").mkdir(parents=True)
    ports = free_port(), free_port()
    common = f'directory = "edge"\nlisten = "lines:tcp:{ports[0]}:interface=127.0.0.1"\n'
    ship = f'[[ship]]\nname = "centre"\nship = "http://127.0.0.1:{ports[1]}/blocks"\n'
    ship += f'[[ship]]\nname = "archive"\nship = "file://{PLACE}/archive"\n'
    alert = '[[alerts]]\nname = "errors"\nalert = "level>=error"\nalert-command = "cat"\n'
    blocks = f'directory = "centre"\nlisten = "blocks:tcp:{ports[1]}:interface=127.0.0.1"\n'
    blocks += 'input-token-file = "token"\n'
    sent: list[bytes] = []

    def send_and_wait(lines: list[bytes], condition: Callable[[], object], what: str) -> None:
        send(ports[0], lines)
        sent.extend(lines)
        wait(condition, what)

    def count(pattern: str, place: Path = edge) -> int:
        return len(list(place.glob(pattern)))

    # A small segment for each of the first lines.
    with daemon(bin_, "small", common + 'rotate-size = "1"\n'):
        for number in range(257):
            send_and_wait([line(number)], lambda: count("*.zst") >= len(sent), "a sealed segment")
    token = 'ship-token-file = "token"\n'
    (PLACE / "token").write_text("corpus\n")
    with (
        daemon(bin_, "centre", blocks),
        daemon(bin_, "edge", common + token + 'rotate-size = "300KiB"\n' + ship + alert),
    ):
        send_and_wait(
            [line(number) for number in range(257, 4000)], lambda: count("*.words"), "a word index"
        )
        send_and_wait([line(number) for number in range(4000, 4010)], lambda: True, "")
        wait(lambda: count("*/*.json", PLACE / "archive") > 257, "the archive")
        wait(
            lambda: b"needle4009 " in text(centre) or b"needle4009\n" in text(centre), "the centre"
        )
        subprocess.run(
            [bin_ / "logsrv", "backup", "edge", "backup"],
            cwd=PLACE,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return sent


def text(store: Path) -> bytes:
    return (store / "current.log").read_bytes()


def main() -> None:
    bin_, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if PLACE.exists():
        raise SystemExit(f"stores: {PLACE} is there already")
    version = subprocess.run(
        [bin_ / "logsrv", "--version"], capture_output=True, text=True, check=True
    ).stdout
    [number] = re.findall(r"\d+\.\d+\.\d+", version)
    try:
        lines = make(bin_)
        (PLACE / "lines").write_bytes(b"".join(one + b"\n" for one in lines))
        names = ("edge", "centre", "archive", "backup", "lines")
        with tarfile.open(out / f"{number}.tar.xz", "w:xz") as archive:
            for name in names:
                archive.add(PLACE / name, name)
    finally:
        if PLACE.exists():
            shutil.rmtree(PLACE)
    print(out / f"{number}.tar.xz")


if __name__ == "__main__":
    main()
