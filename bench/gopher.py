"""`python -m bench.gopher`: the command `gopher` compared with curl, in turns, on loopback.

Every run is a new process of the installed script `gopher`, with a new directory, timed from start to end.
Scripts made by pip before 25.2 import `re` first, which alone takes 8 ms; this is measured, too.

Ratios are computed within a round; the figure is their median. The memory of a run is at least this
program's own, because a new process begins as its copy. The directories are removed at the very end: after
many files were deleted, ext4 makes new ones slowly for minutes.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import attrs

from bench.build import build
from bench.table import MARKS, markdown

SMALL, FEW, MANY = 20, 1000, 10_000
BIG = 200_000_000
LOOPBACK = "127.0.0.1"
GOPHER = (str(Path(sys.executable).with_name("gopher")),)


@attrs.define(frozen=True, slots=True)
class Took:
    """One run. seconds: of real time. cpu: CPU seconds. memory: peak in bytes. files: number of complete
    files.
    """

    seconds: float
    cpu: float
    memory: int
    files: int


@attrs.define(frozen=True, slots=True)
class Bar:
    """A target, the measured value, and whether it is met."""

    what: str
    asked: str
    measured: str
    met: bool


@contextmanager
def gopherspace(delay_ms: int, items: int = FEW) -> Iterator[int]:
    """Run the test server, which answers after `delay_ms`; yield its port."""
    command = [str(build("gopherspace")), str(items), str(delay_ms), str(BIG)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def timed(command: Sequence[str], directory: Path, size: int) -> Took:
    """Run `command`; count the files of `size` bytes in `directory` afterwards.

    Output and status are ignored: curl's status does not show lost files either.
    """
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = 0
    files = sum(path.stat().st_size == size for path in directory.glob("[!.]*") if path.is_file())
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, files)


class Rounds:
    """Makes new directories below one, and runs commands in them."""

    def __init__(self, place: Path, count: int) -> None:
        self._place = place
        self._count = count
        self._number = 0

    def directory(self) -> Path:
        self._number += 1
        path = self._place / str(self._number)
        path.mkdir()
        return path

    def pairs(self, first: Run, second: Run) -> list[tuple[Took, Took]]:
        """Run both in turns; the first round is a warm-up and not returned."""
        found = [
            (first(self.directory()), second(self.directory())) for _ in range(self._count + 1)
        ]
        return found[1:]


@attrs.define(frozen=True, slots=True)
class Run:
    """A command; `@` in a word stands for its directory."""

    command: tuple[str, ...]
    size: int = 70

    def __call__(self, directory: Path) -> Took:
        words = [word.replace("@", str(directory)) for word in self.command]
        return timed(words, directory, self.size)


@attrs.define(frozen=True, slots=True)
class Curl(Run):
    """curl with a list of all items."""

    port: int = 0
    items: int = FEW

    def __call__(self, directory: Path) -> Took:
        url = f"gopher://{LOOPBACK}:{self.port}/0/"
        config = directory.with_suffix(".curl")
        lines = [f"url={url}{n}\noutput={directory}/{n}\n" for n in range(self.items)]
        config.write_text("".join(lines))
        command = [*self.command, "-K", str(config)]
        return timed(command, directory, self.size)


def curl(port: int, at_once: int, items: int = FEW) -> Curl:
    return Curl(("curl", "-s", "--parallel", "--parallel-max", str(at_once)), 70, port, items)


def mirror(port: int, connections: int | None = None, size: int = 70) -> Run:
    how = () if connections is None else ("--connections", str(connections))
    return Run((*GOPHER, "mirror", *how, f"gopher://{LOOPBACK}:{port}/", "@"), size)


def median_ratio(pairs: Sequence[tuple[Took, Took]]) -> float:
    """Return the median of (seconds of the first / seconds of the second)."""
    return statistics.median(first.seconds / second.seconds for first, second in pairs)


def _row(name: str, runs: Sequence[Took]) -> list[str]:
    seconds = [run.seconds for run in runs]
    return [
        name,
        f"{statistics.median(seconds):.3f}",
        f"{min(seconds):.3f}–{max(seconds):.3f}",
        f"{statistics.median(run.cpu for run in runs):.3f}",
        f"{max(run.memory for run in runs) / 1e6:.0f}",
        f"{min(run.files for run in runs):,}",
    ]


class Report:
    """Collects rows and bars."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.bars: list[Bar] = []

    def add(self, names: tuple[str, str], pairs: Sequence[tuple[Took, Took]]) -> None:
        for name, runs in zip(names, zip(*pairs, strict=True), strict=True):
            self.rows.append(_row(name, runs))

    def __str__(self) -> str:
        header = ["run", "s", "from–to", "CPU s", "peak MB", "files whole"]
        verdicts = [
            f"- {MARKS[bar.met]}: {bar.what} {bar.asked}: {bar.measured}" for bar in self.bars
        ]
        return "\n".join([markdown(header, self.rows), "", *verdicts])


def measure_start(report: Report, rounds: Rounds) -> None:
    with gopherspace(0, SMALL) as port:
        pairs = rounds.pairs(
            Run((*GOPHER, f"gopher://{LOOPBACK}:{port}/")), Run((sys.executable, "-c", "pass"))
        )
    report.add(("gopher URL, a menu", "python3 -c pass"), pairs)
    cpu = statistics.median(first.cpu for first, _ in pairs)
    measured = f"{cpu * 1000:.0f} ms, {median_ratio(pairs):.1f} × python3 -c pass"
    report.bars.append(Bar("gopher URL", "at most 40 ms of CPU", measured, cpu <= 0.040))


def measure_mirrors(report: Report, rounds: Rounds) -> None:
    for items, least in ((FEW, 0.6), (MANY, 0.7)):
        with gopherspace(0, items) as port:
            pairs = rounds.pairs(mirror(port), curl(port, 50, items))
        report.add((f"mirror, {items:,} items", f"curl 50, {items:,} items"), pairs)
        speed = 1 / median_ratio(pairs)
        what = f"mirror of {items:,} items that are answered at once"
        report.bars.append(Bar(what, f"{least} × curl", f"{speed:.2f} ×", speed >= least))


def measure_far(report: Report, rounds: Rounds) -> None:
    for connections in (10, 50):
        with gopherspace(20) as port:
            pairs = rounds.pairs(mirror(port, connections), curl(port, connections))
        report.add((f"mirror {connections}, 20 ms", f"curl {connections}, 20 ms"), pairs)
        ratio = median_ratio(pairs)
        what = f"{FEW:,} items from 20 ms away, {connections} connections"
        report.bars.append(Bar(what, "within 1.1 × curl's time", f"{ratio:.2f} ×", ratio <= 1.1))


def measure_big(report: Report, rounds: Rounds) -> None:
    with gopherspace(0) as port:
        url = f"gopher://{LOOPBACK}:{port}/9/big"
        pairs = rounds.pairs(
            Run((*GOPHER, url, "--output", "@/big"), BIG),
            Run(("curl", "-s", url, "-o", "@/big"), BIG),
        )
    report.add(("gopher URL, 200 MB", "curl, 200 MB"), pairs)
    ratio = median_ratio(pairs)
    memory = max(first.memory for first, _ in pairs) / 1e6
    met = ratio <= 1.0 and memory < 40
    measured = f"{1 / ratio:.2f} × curl's speed, {memory:.0f} MB"
    report.bars.append(Bar("one file of 200 MB", "curl's speed, under 40 MB", measured, met))


def measure_pygopherd(report: Report, rounds: Rounds) -> None:
    # Some packages install their own `tests`, which Python would import instead.
    tests = ModuleType("tests")
    tests.__path__ = [str(Path(__file__).parent.parent / "tests")]
    sys.modules["tests"] = tests
    from tests.parts.gopher_servers import pygopherd

    if shutil.which("pygopherd", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        print("pygopherd is not installed: not measured", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="gopher-tree-") as name:
        tree = Path(name)
        tree.chmod(0o755)
        for number in range(FEW):
            (tree / f"{number}").write_bytes(b"x" * 69 + b"\n")
        with pygopherd(tree) as port:
            pairs = [(mirror(port)(rounds.directory()), curl(port, 50)(rounds.directory()))]
    report.add(("mirror, pygopherd", "curl 50, pygopherd"), pairs)
    files = pairs[0][0].files
    measured = f"{files:,} of {FEW:,} (curl: {pairs[0][1].files:,})"
    report.bars.append(Bar("mirror of pygopherd", "complete", measured, files == FEW))


CASES = {
    "start": measure_start,
    "mirror": measure_mirrors,
    "far": measure_far,
    "big": measure_big,
    "pygopherd": measure_pygopherd,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 even if a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.gopher", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        default="/dev/shm" if os.path.isdir("/dev/shm") else None,
        help="where files are written; default: in memory, so that no disk is measured",
    )
    parser.add_argument("--case", choices=CASES, action="append", help="only this; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write bars and figures there")
    options = parser.parse_args(arguments)
    # pip compiles a package when it installs it.
    compileall.compile_dir(Path(__file__).parent.parent / "logsrv", quiet=1)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-gopher-", dir=options.directory) as name:
        rounds = Rounds(Path(name), options.rounds)
        for case in options.case or CASES:
            CASES[case](report, rounds)
    print(report)
    if options.json is not None:
        found = {"rows": report.rows, "bars": [attrs.asdict(bar) for bar in report.bars]}
        options.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
