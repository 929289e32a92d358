"""A gate for speed: the instructions of eleven workloads, beside those of the last release.

    python -m bench.instructions                        # the last tag
    python -m bench.instructions --since REV --case lines --case top

Seconds vary from run to run, instructions hardly: each workload has a bar of 5 %. `perf stat` counts
them where the machine has a counter, else valgrind, which is some thirty times as slow. The other version
is a checkout of its own, run with the Python and the packages of this one. An input's cost is the
difference between a large and a small load, so that starting is left out; of a search and of sealing
everything counts. A workload whose option the other version does not have is left out.

Status 0: within the bar, or nothing can count here. 1: a workload takes more than 5 % more.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import attrs

from bench import child, proc, senders
from bench.runs import free_port
from bench.servers import TWISTD
from bench.table import markdown
from bench.texts import pages

ROOT = Path(__file__).parent.parent
BAR = 1.05
LOGSRV = ("-c", "import sys; from logsrv.cli.main import main; sys.exit(main())")
# Of a server that valgrind slows down.
PATIENCE = 120.0
SEGMENT = 8 << 20
MASK, CARD = r"/\b\d{16}\b/", b"4111111111111111"
# Options of workloads; a version without one of them cannot be counted.
NEEDS = {"masked": "--mask"}


class Counter(Protocol):
    """A program that counts the instructions of another and of all its children."""

    @property
    def name(self) -> str: ...

    def wrap(self, command: Sequence[str], out: Path) -> list[str]:
        """Return the command with the counter before it. out: an empty folder for its files."""

    def read(self, out: Path) -> int:
        """Return the instructions that the files in `out` tell of."""


class Perf:
    """`perf stat`."""

    name = "perf"
    _EVENT = "instructions:u"

    def wrap(self, command: Sequence[str], out: Path) -> list[str]:
        return ["perf", "stat", "-x,", "-e", self._EVENT, "-o", str(out / "stat"), "--", *command]

    def read(self, out: Path) -> int:
        found = re.search(rf"^(\d+),[^,]*,{self._EVENT}", (out / "stat").read_text(), re.MULTILINE)
        return int(found.group(1)) if found else 0


class Valgrind:
    """Valgrind's cachegrind without its caches: the instructions of each process in a file of its own."""

    name = "valgrind"

    def wrap(self, command: Sequence[str], out: Path) -> list[str]:
        options = ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
        log = f"--log-file={out}/process.%p"
        return ["valgrind", *options, "--trace-children=yes", log, *command]

    def read(self, out: Path) -> int:
        counts = [re.search(r"I +refs: +([\d,]+)", file.read_text()) for file in out.iterdir()]
        return sum(int(count.group(1).replace(",", "")) for count in counts if count)


def find_counter() -> Counter | None:
    """Return the fastest counter that counts here: some virtual machines have no counter for perf."""
    usual: Sequence[Counter] = (Perf(), Valgrind())
    for counter in usual:
        if shutil.which(counter.name):
            with tempfile.TemporaryDirectory() as out:
                subprocess.run(counter.wrap(["true"], Path(out)), capture_output=True)
                if any(Path(out).iterdir()) and counter.read(Path(out)):
                    return counter
    return None


@attrs.frozen
class Version:
    """A version of this repository: its checkout, what counts it, a folder, and the lines to store."""

    tree: Path
    counter: Counter
    work: Path
    text: Path

    @property
    def lines(self) -> int:
        """The number of lines in `text`."""
        return self.text.read_bytes().count(b"\n")

    def count(self, name: str, arguments: Sequence[str]) -> int:
        """Run Python to its end and return the instructions. Raises ChildError."""
        out = self.new_folder(f"{name}.count")
        command = self.counter.wrap([sys.executable, *arguments], out)
        done = subprocess.run(command, env=self.env, cwd=self.work, capture_output=True)
        # Status 1: nothing was found.
        if done.returncode > 1:
            raise child.ChildError(done.stderr.decode(errors="replace"))
        return self.counter.read(out)

    def warm(self) -> None:
        """Do what only a first run does, such as compiling, uncounted. Raises CalledProcessError."""
        folders = [str(self.tree / name) for name in ("logsrv", "twisted")]
        for words in (["-m", "compileall", "-q", *folders], [*TWISTD[1:], "logsrv", "--help"]):
            command = [sys.executable, *words]
            subprocess.run(command, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def knows(self, option: str) -> bool:
        """Return whether this version has an option. Raises CalledProcessError."""
        command = [sys.executable, *TWISTD[1:], "logsrv", "--help-all"]
        done = subprocess.run(command, env=self.env, check=True, capture_output=True, text=True)
        return option in done.stdout

    def new_folder(self, name: str) -> Path:
        """Return a new folder for a run."""
        return Path(tempfile.mkdtemp(prefix=f"{name}.", dir=self.work))

    @property
    def env(self) -> Mapping[str, str]:
        """The environment: nothing in it may let two runs take different ways."""
        ours = {"PYTHONPATH": str(self.tree), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
        return {**os.environ, **ours}


Count = Callable[[Version], float]
"""A function that returns the instructions of a version for a million lines."""
Send = Callable[[socket.socket, int], None]


def received(kind: str, few: int, many: int, send: Send, *options: str) -> Count:
    """Return the workload of an input that gets `few` lines, then `many`: the difference counts."""

    def count(version: Version) -> float:
        costs = [serve(version, kind, send, lines, has_lines, *options) for lines in (few, many)]
        return (costs[1] - costs[0]) / (many - few) * 1e6

    return count


def serve(
    version: Version, kind: str, send: Send, lines: int,
    is_done: Callable[[Path, int], bool], *options: str,
) -> int:  # fmt: skip
    """Start a server, send it lines, end it when its store is done with them; return its instructions."""
    work, out, port = version.new_folder(kind), version.new_folder("count"), free_port("tcp")
    listen = ("--listen", f"{kind}:tcp:{port}:interface=127.0.0.1", "--directory", f"{work}/logs")
    command = (sys.executable, *TWISTD[1:], "-n", "--pidfile=", "logsrv", *listen, *options)
    wrapped = version.counter.wrap(command, out)
    ready = partial(proc.is_bound, "tcp", port)
    with child.running(wrapped, version.env, work / "said", ready, patience=PATIENCE) as process:
        # A server that has died is told of below, with its log.
        with (
            suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as connection,
        ):
            send(connection, lines)
        deadline = time.monotonic() + PATIENCE
        while not is_done(work / "logs", lines):
            if process.poll() is not None:
                said = child.log_tail(work / "said")
                raise child.ChildError(f"ended with status {process.returncode}: {said}")
            if time.monotonic() > deadline:
                raise child.ChildError(f"the lines of {kind} were not stored")
            time.sleep(0.05)
        # perf counts a child of its own; valgrind is the server.
        for pid in proc.children(process.pid) if version.counter.name == "perf" else [process.pid]:
            os.kill(pid, signal.SIGTERM)
        process.wait(PATIENCE)
    shutil.rmtree(work)
    return version.counter.read(out)


def has_lines(logs: Path, lines: int) -> bool:
    """Return whether a store that has not rotated has that many lines."""
    # The port is bound before the store is there.
    active = logs / "current.log"
    return active.exists() and active.read_bytes().count(b"\n") >= lines


def searched(*words: str) -> Count:
    """Return the workload of a search, with its start."""

    def count(version: Version) -> float:
        store = version.work / "store"
        if not store.exists():
            version.count("import", [*LOGSRV, "import", "-d", str(store), str(version.text)])
        cost = version.count("search", [*LOGSRV, "search", "-d", str(store), *words])
        return cost / version.lines * 1e6

    return count


def sealed(version: Version) -> float:
    """Return the instructions to receive a million lines and to seal them."""
    text = version.text.read_bytes()

    def is_sealed(logs: Path, _: int) -> bool:
        # A segment is cut at its size or a little later, and the last one stays.
        packed, plain = [*logs.glob("0*.log.zst")], [*logs.glob("0*.log")]
        return len(packed) >= len(text) // SEGMENT - 1 and not plain

    def send(connection: socket.socket, _: int) -> None:
        connection.sendall(text)

    cost = serve(version, "lines", send, version.lines, is_sealed, "--rotate-size", str(SEGMENT))
    return cost / version.lines * 1e6


def workloads() -> dict[str, Count]:
    """Return the eleven workloads by their names."""
    sent = {case.name: case.send for case in senders.cases()}
    line, message = senders.MESSAGE.partition(b" ")[2] + b"\n", senders.MESSAGE
    counted = b"%d %b" % (len(message), message)

    def text(record: bytes) -> Send:
        return senders.repeated(record * 1000, 1000)

    with_card = line[: -len(CARD) - 2] + b" " + CARD + b"\n"
    card = senders.repeated((line * 99 + with_card) * 10, 1000)

    return {
        "lines": received("lines", 50_000, 1_050_000, text(line)),
        # A mask without a literal, and a match in one of a hundred lines.
        "masked": received("lines", 50_000, 1_050_000, card, "--mask", MASK),
        "syslog": received("syslog", 50_000, 550_000, text(message + b"\n")),
        "counted": received("syslog", 50_000, 550_000, text(counted)),
        "RELP": received("relp", 10_000, 110_000, sent["relp"]),
        "Forward": received("forward", 10_000, 60_000, sent["forward, packed"]),
        "NDJSON": received("http", 20_000, 220_000, sent["http, NDJSON"]),
        "search rare": searched("-c", "perchperch"),
        "search common": searched("-c", "request"),
        "top": searched("--top", "status"),
        "seal": sealed,
    }


@contextmanager
def checkout(revision: str, folder: Path) -> Iterator[Path]:
    """Check out a revision into a folder, and remove it at the end. Raises CalledProcessError."""
    git = ("git", "-C", str(ROOT), "worktree")
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), revision], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def last_tag() -> str | None:
    """Return the tag of the last release."""
    command = ["git", "-C", str(ROOT), "describe", "--tags", "--abbrev=0"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None


def compare(
    ours: Version, theirs: Version, chosen: Mapping[str, Count]
) -> dict[str, tuple[float, float]]:
    """Return the instructions of both versions for a million lines of each workload.

    A slower workload is counted again, and the smaller count taken: a server reads as much as has come.
    """
    found = {}
    for name, count in chosen.items():
        now, before = count(ours), count(theirs)
        if now > before * BAR:
            now, before = min(now, count(ours)), max(before, count(theirs))
        found[name] = now, before
        print(f"{name}: {now / before:.3f}", file=sys.stderr, flush=True)
    return found


def report(found: Mapping[str, tuple[float, float]]) -> tuple[str, list[str]]:
    """Return a table, and the workloads above the bar."""
    rows = [
        [name, f"{now / 1e6:,.0f}", f"{before / 1e6:,.0f}", f"{now / before:.3f}"]
        for name, (now, before) in found.items()
    ]
    header = ("workload", "M instructions for a million lines", "before", "ratio")
    slower = [name for name, (now, before) in found.items() if now > before * BAR]
    return markdown(header, rows), slower


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print; return the status."""
    known = workloads()
    parser = argparse.ArgumentParser(description="Count the instructions of eleven workloads.")
    parser.add_argument("--since", metavar="REV", help="the other version; else the last tag")
    parser.add_argument("--case", action="append", choices=known, help="repeatable")
    parser.add_argument(
        "--megabytes", type=int, default=48, help="of text for searches and sealing"
    )
    parser.add_argument("--directory", type=Path, help="where the stores are made")
    given = parser.parse_args(arguments)
    revision, counter = given.since or last_tag(), find_counter()
    if revision is None or counter is None:
        what = "perf nor valgrind counts instructions" if revision else "a tag nor --since is there"
        print(f"skipped: neither {what}")
        return 0
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.directory)))
        text = home / "text.log"
        text.write_bytes(b"".join(islice(pages(), given.megabytes)))
        old = stack.enter_context(checkout(revision, home / "before"))
        versions = []
        for tree, work in ((ROOT, home / "ours"), (old, home / "theirs")):
            work.mkdir()
            versions.append(Version(tree, counter, work, text))
            versions[-1].warm()
        chosen = {name: known[name] for name in given.case or known}
        for name, option in NEEDS.items():
            if name in chosen and not versions[1].knows(option):
                print(f"{name}: left out, {revision} has no {option}", file=sys.stderr)
                del chosen[name]
        found = compare(versions[0], versions[1], chosen)
    table, slower = report(found)
    print(f"before: {revision}; counted by {counter.name}\n\n{table}")
    print(f"above {BAR:.2f}: {', '.join(slower) or 'none'}")
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
