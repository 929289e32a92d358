"""Searching sealed segments, compared with ripgrep on the same files: time, CPU time and memory.

    python -m bench.search                               # 2 GiB in 8 segments, five rounds
    python -m bench.search --segments 2 --runs 1         # a look
    python -m bench.search --case word --case common --directory /mnt/store

The store is made once (bench/stores.py). Then the programs take turns, each run a new process, and the
medians over the rounds are compared. Both must find the same number of lines.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from bench.build import OUT
from bench.proc import memory
from bench.stores import ABSENT, ADDRESS, WORD, Made, make
from bench.table import MARKS, markdown

LOGSRV = Path(sys.executable).with_name("logsrv")
MEMORY_BAR = 200e6
FIRST_BAR = 0.2
HELP_BAR = 0.1
_PAUSE = 0.002
# Without this variable: an installed logsrv has compiled modules, and with it each run would compile them.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@attrs.frozen
class Case:
    """A search.

    query: for logsrv. rg: the pattern that finds the same lines; "" if ripgrep has none.
    cat_bar, z_bar: the required speed, as a multiple of that of `zstdcat | rg -c` and of `rg -z -c`.
    options: of logsrv; with `-c` the numbers of lines are compared.
    """

    name: str
    query: str
    rg: str = ""
    cat_bar: float = 0.0
    z_bar: float = 0.0
    options: tuple[str, ...] = ("-c",)


@attrs.frozen
class Took:
    """A process that has ended: seconds, CPU seconds with its children, and its output."""

    seconds: float
    cpu: float
    output: bytes


def cases(made: Made) -> list[Case]:
    """Return the searches for a store."""
    rare, common = (40.0, 20.0), (1.3, 1.0)
    return [
        Case("word", WORD, WORD, *rare),
        Case("absent", ABSENT, ABSENT, *rare),
        Case("id", made.id, made.id, *rare),
        Case("prefix of an id", made.id[:8], made.id[:8]),
        Case("address", ADDRESS, r"198\.51\.100\.77", *rare),
        Case("field", f"trace_id={made.id}", made.id, *rare),
        Case("common", "timeout", "timeout", *common),
        Case("regex", r"/Failed password for \w+/", r"Failed password for \w+", *common),
        Case(
            "regex with alternatives",
            r"/level=(info|warn) caller=\w+\.go:\d*7\b/",
            r"level=(info|warn) caller=\w+\.go:\d*7\b",
            1.3,
        ),
        Case("regex without a literal", r"/[a-f]{6}[0-9]{4}\b/", r"[a-f]{6}[0-9]{4}\b"),
        Case("field, common", "app=sshd", r" sshd\["),
        Case("number", "status>=500", '" 5[0-9]{2} [0-9]'),
        Case("lines, many", "timeout", "timeout", options=()),
        Case("top", "timeout", options=("--top", "level")),
        Case("histogram", "", options=("--histogram",)),
        Case("histogram with levels", "timeout", options=("--histogram", "--output", "json")),
    ]


def run(words: Sequence[str]) -> Took:
    """Run a command to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, env=_ENVIRONMENT, check=False)
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(seconds, cpu, done.stdout)


def logsrv(made: Made, case: Case) -> list[str]:
    """Return the command of logsrv for a case."""
    command = [str(LOGSRV), "search", "--directory", str(made.directory), *case.options]
    return [*command, case.query]


def rivals(made: Made, case: Case) -> dict[str, list[str]]:
    """Return the commands of ripgrep for a case."""
    if not case.rg:
        return {}
    files = " ".join(shlex.quote(str(file)) for file in made.files)
    flag = "-c " if "-c" in case.options else ""
    pattern = shlex.quote(case.rg)
    return {
        "zstdcat | rg": ["sh", "-c", f"zstdcat {files} | rg {flag}{pattern}"],
        "rg -z": ["sh", "-c", f"rg -z -I {flag}{pattern} {files}"],
    }


def counted(output: bytes) -> int:
    """Return the sum of the printed numbers, one for each file."""
    return sum(int(line) for line in output.split())


def measure(made: Made, case: Case, runs: int) -> tuple[dict[str, list[Took]], list[str]]:
    """Run a case in turns; return the runs of each program, and sentences about different answers."""
    commands = {"logsrv": logsrv(made, case), **rivals(made, case)}
    took: dict[str, list[Took]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            took[name].append(run(command))
    wrong = []
    if case.rg and "-c" in case.options:
        found, expected = counted(took["logsrv"][0].output), number(made, case)
        if found != expected:
            wrong.append(f"{case.name}: logsrv finds {found}, ripgrep {expected}")
    return took, wrong


def number(made: Made, case: Case) -> int:
    """Return the number of lines that ripgrep finds by logsrv's rule: a query in small letters ignores
    case.

    The timed commands do not ignore case, with which ripgrep is a little faster.
    """
    files = " ".join(shlex.quote(str(file)) for file in made.files)
    command = f"zstdcat {files} | rg --smart-case -c {shlex.quote(case.rg)}"
    return counted(run(["sh", "-c", command]).output)


def peak(command: Sequence[str]) -> int:
    """Return the peak memory of a command and its children in bytes, summed; shared pages count twice."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_ENVIRONMENT)
    most: dict[int, int] = {}
    while process.poll() is None:
        for pid in [process.pid, *_children(process.pid)]:
            try:
                most[pid] = max(most.get(pid, 0), memory(pid, "VmHWM"))
            except OSError:
                continue
        time.sleep(_PAUSE)
    return sum(most.values())


def _children(pid: int) -> Iterator[int]:
    try:
        yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return


def first_line(command: Sequence[str]) -> float:
    """Return the seconds until a command prints its first byte."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_ENVIRONMENT) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        seconds = time.perf_counter() - begun
        process.kill()
    return seconds


def row(made: Made, case: Case, took: dict[str, list[Took]]) -> list[str]:
    """Return a case as a row of the table."""
    seconds = {name: statistics.median(one.seconds for one in some) for name, some in took.items()}
    cpu = {name: statistics.median(one.cpu for one in some) for name, some in took.items()}
    bars = {"zstdcat | rg": case.cat_bar, "rg -z": case.z_bar}
    cells = [case.name, f"{seconds['logsrv']:.3f}", f"{cpu['logsrv']:.3f}"]
    met = True
    for name, bar in bars.items():
        if name not in seconds:
            cells += ["–", "–", "–"]
            continue
        ratio = seconds[name] / seconds["logsrv"]
        met = met and ratio >= bar
        cells += [
            f"{seconds[name]:.2f}",
            f"{ratio:.1f}" + (f" (≥ {bar:g})" if bar else ""),
            f"{cpu[name] / max(cpu['logsrv'], 1e-3):.1f}",
        ]
    memory_used = peak(logsrv(made, case))
    met = met and memory_used < MEMORY_BAR
    has_bar = case.cat_bar > 0
    return [*cells, f"{memory_used / 1e6:.0f}", MARKS[met] if has_bar or not met else ""]


HEADER = (
    "search",
    "logsrv s",
    "CPU s",
    "zstdcat, rg s",
    "times",
    "in CPU",
    "rg -z s",
    "times",
    "in CPU",
    "peak MB",
    "bar",
)


def report(made: Made, chosen: Sequence[str], runs: int) -> None:
    """Measure and print."""
    compressed = made.compressed
    beside = sum(file.stat().st_size for file in made.directory.glob("*.words"))
    print(
        f"{made.text / 1e9:.2f} GB of text in {len(made.files)} segments, {compressed / 1e6:.0f} MB"
        f" compressed, word indexes {beside / 1e6:.0f} MB; {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}; medians of {runs}\n"
    )
    run([str(LOGSRV), "search", "--directory", str(made.directory), "-c", WORD])
    rows, complaints = [], []
    for case in cases(made):
        if chosen and case.name not in chosen:
            continue
        took, wrong = measure(made, case, runs)
        complaints += wrong
        rows.append(row(made, case, took))
        print(f"{case.name}: {rows[-1][1]} s", file=sys.stderr, flush=True)
    print(markdown(HEADER, rows))
    for name, query in (("rare", WORD), ("common", "timeout")):
        command = logsrv(made, Case(name, query, options=()))
        first = statistics.median(first_line(command) for _ in range(runs))
        print(f"\nfirst line of a {name} word after {first:.3f} s: {MARKS[first <= FIRST_BAR]}")
    told = statistics.median(run([str(LOGSRV), "search", "--help"]).cpu for _ in range(runs))
    print(f"\nsearch --help: {told:.3f} s of CPU: {MARKS[told <= HELP_BAR]}")
    print("\n".join(["", *complaints]) if complaints else "\nAll numbers agree.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a store, measure, print."""
    parser = argparse.ArgumentParser(description="Measure searches beside ripgrep.")
    parser.add_argument("--segments", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=257, help="of each, in MiB (257)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--case", action="append", default=[], help="repeatable; all by default")
    parser.add_argument("--directory", type=Path, default=OUT, help="where the store is made")
    given = parser.parse_args(arguments)
    if missing := [name for name in ("rg", "zstdcat") if shutil.which(name) is None]:
        sys.exit(f"{' and '.join(missing)} not on PATH (Debian: apt-get install ripgrep zstd)")
    given.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="search-") as made_in:
        made = make(Path(made_in) / "store", given.segments, given.megabytes)
        report(made, given.case, given.runs)


if __name__ == "__main__":
    main()
