"""Columns: what it costs to make them, and questions beside engines that read the same Parquet files.

    python -m bench.columns                                # 1 GiB of a day of services, five rounds
    python -m bench.columns --segments 1 --megabytes 64 --runs 1     # a look
    python -m bench.columns --growth 1,4,16                # the questions over so many GiB

The store is made once (bench/stores.py, bench/services.py), then the columns, by logsrv's own command. Each
question is a process of its own, in turns: logsrv with columns, logsrv without, and those of DuckDB,
ClickHouse (chdb) and Polars that are installed, with two threads, over the files beside the segments
(bench/parquet_engine.py). Figures are minima, because other programs only add. All must give the same rows.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from bench import parquet_engine, proc
from bench.build import OUT
from bench.search import LOGSRV, Took, run
from bench.services import SERVICES, services
from bench.stores import make
from bench.table import MARKS, markdown
from bench.texts import Kind, pages
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.columns.child_process import ColumnsProcess
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import sealed_segments

CPU_BAR = 6.0
"""Of the CPU time of `zstd -3`."""
SIZE_BAR = 40.0
"""Per cent of the compressed text."""
MEMORY_BAR = 300
"""MiB of the process that makes columns, however many segments it has made."""
ENGINE_BAR = 2.0
"""Of the CPU time of the faster of DuckDB and ClickHouse."""
STEP = 17_000_000
"""Microseconds of a MiB: 5 GiB are a day."""
QUESTIONS: dict[str, tuple[str, ...]] = {
    "app": ("-c", "app=sshd"),
    "minute": ("| count every 1m by level",),
    "top": ("--top", "client"),
    "p95": ("| p95 rt every 10m by path",),
    "class": ("| count every 1h by status_class",),
}
_STEPS = {"minute": 60, "p95": 600, "class": 3600}
_MODULES = {"DuckDB": "duckdb", "ClickHouse": "chdb", "Polars": "polars"}
Rows = list[tuple[Any, ...]]


@attrs.frozen
class Asked:
    """The answers of one program to one question. inside: CPU seconds without start and import."""

    took: list[Took] = attrs.field(factory=list)
    inside: list[float] = attrs.field(factory=list)

    @property
    def cpu(self) -> float:
        """The least CPU seconds."""
        return min(one.cpu for one in self.took)

    @property
    def seconds(self) -> float:
        """The least seconds."""
        return min(one.seconds for one in self.took)


def make_columns(directory: Path) -> tuple[float, int]:
    """Make the columns of all segments anew, as the server does.

    Return the CPU seconds of the process, and its memory in MiB.
    """
    for file in directory.glob("*.parquet"):
        file.unlink()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = ColumnsProcess()
    disk = Disk().open_directory(directory)
    try:
        for segment in sealed_segments(disk):
            process.make(segment, disk)
        memory = proc.memory(process.child.process.pid, "VmHWM") >> 20 if process.child else 0
    finally:
        process.end()
        disk.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory


def engines() -> list[str]:
    """Return the engines that are here; say which are not."""
    found = [name for name, module in _MODULES.items() if importlib.util.find_spec(module)]
    if missing := [name for name in _MODULES if name not in found]:
        words = " ".join(_MODULES[name] for name in missing)
        print(f"Without {' and '.join(missing)} (pip install {words}).\n")
    return found


def logsrv(directory: Path, question: str, *, columns: bool = True) -> list[str]:
    """Return the command of logsrv for a question."""
    command = [str(LOGSRV), "search", "--directory", str(directory), "--utc", "--output=json"]
    return [*command, *([] if columns else ["--no-index"]), *QUESTIONS[question]]


def rival(directory: Path, question: str, engine: str) -> list[str]:
    """Return the command of an engine for a question."""
    files = map(str, sorted(directory.glob("*.parquet")))
    return [sys.executable, parquet_engine.__file__, engine, question, *files]


def rows_of_logsrv(question: str, output: bytes) -> Rows:
    """Return the rows of an answer, with numbers of steps in place of times."""
    lines = [json.loads(line) for line in output.splitlines()]
    if question == "app":
        return [(lines[0],)]
    rows = [tuple(line.values()) for line in lines]
    if step := _STEPS.get(question):
        rows = [(int(parse_rfc3339(row[0])) // step, *row[1:]) for row in rows]
    return rows


def same(ours: Rows, theirs: Rows) -> bool:
    """Return whether two answers have the same rows, in any order."""
    ours, theirs = (sorted(rows, key=str) for rows in (ours, theirs))
    return len(ours) == len(theirs) and all(
        len(one) == len(other) and all(map(_same_cell, one, other))
        for one, other in zip(ours, theirs, strict=True)
    )


def _same_cell(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other or str(one) == str(other)


def measure(
    directory: Path, question: str, rivals: Sequence[str], runs: int, *, plain: int = 1
) -> tuple[dict[str, Asked], list[str]]:
    """Ask all in turns; return what each took, and sentences about different answers.

    plain: the rounds in which logsrv is asked without columns too.
    """
    commands = {"logsrv": logsrv(directory, question)}
    commands |= {engine: rival(directory, question, engine) for engine in rivals}
    if plain:
        commands["without columns"] = logsrv(directory, question, columns=False)
    asked = {name: Asked() for name in commands}
    wrong = []
    for turn in range(runs):
        rows: dict[str, Rows] = {}
        for name, command in commands.items():
            if name == "without columns" and turn >= plain:
                continue
            took = run(command)
            asked[name].took.append(attrs.evolve(took, output=b""))
            if name in rivals:
                told = json.loads(took.output)
                asked[name].inside.append(told["cpu"])
                rows[name] = [tuple(row) for row in told["rows"]]
            else:
                rows[name] = rows_of_logsrv(question, took.output)
        wrong += [
            f"{question}: {name} gives other rows than logsrv with columns"
            for name in rows
            if turn == 0 and not same(rows["logsrv"], rows[name])
        ]
    return asked, wrong


def ask_all(directory: Path, runs: int) -> bool:
    """Ask all questions of all programs; print the tables; return whether all bars are met."""
    rivals = engines()
    rows, complaints, met = [], [], True
    for question in QUESTIONS:
        asked, wrong = measure(directory, question, rivals, runs)
        complaints += wrong
        best = min((asked[name].cpu for name in rivals if name != "Polars"), default=0.0)
        ratio = asked["logsrv"].cpu / best if best else 0.0
        met = met and ratio <= ENGINE_BAR
        row = [" ".join(QUESTIONS[question])]
        for name in ("logsrv", "without columns"):
            row += [f"{asked[name].cpu:.2f}", f"{asked[name].seconds:.2f}"]
        for name in rivals:
            row.append(f"{asked[name].cpu:.2f} ({min(asked[name].inside):.2f})")
        rows.append([*row, f"{ratio:.2f}", MARKS[ratio <= ENGINE_BAR] if best else MARKS[None]])
        print(f"{question}: {asked['logsrv'].cpu:.2f} s", file=sys.stderr, flush=True)
    header = ["question", "CPU s", "s", "without columns: CPU s", "s"]
    print(markdown([*header, *rivals, "of the faster", f"≤ {ENGINE_BAR:g}"], rows))
    print("\nOf the engines: CPU seconds of the process, and without its start and import.")
    print("\n".join(["", *complaints]) if complaints else "\nAll rows agree.")
    return met and not complaints


def zstd(text: Path) -> float:
    """Return the CPU seconds of `zstd -3` with one thread."""
    command = ["zstd", "-3", "--single-thread", "-q", "-f", "-o", "/dev/null", str(text)]
    return run(command).cpu


def costs(kind: Kind, name: str, megabytes: int, runs: int, home: Path) -> tuple[list[str], bool]:
    """Return what the columns of a kind of text cost, as a row, and whether it meets the bars."""
    text, lines = home / "text", 0
    with text.open("wb") as file:
        for page in islice(pages((kind,), step=STEP), megabytes):
            file.write(page)
            lines += page.count(b"\n")
    made = make(home / name, 1, megabytes, (kind,), STEP)
    turns = [(zstd(text), make_columns(made.directory)[0]) for _ in range(runs)]
    packing, columns = (min(some) for some in zip(*turns, strict=True))
    size = sum(file.stat().st_size for file in made.directory.glob("*.parquet"))
    ratio, part = columns / packing, 100 * size / made.compressed
    met = ratio <= CPU_BAR and 0 < part <= SIZE_BAR
    gibibytes = made.text / (1 << 30)
    cells = [
        f"{lines / gibibytes / 1e6:.1f}",
        f"{made.text / made.compressed:.1f}",
        f"{packing / gibibytes:.1f}",
        f"{columns / gibibytes:.1f}",
        f"{ratio:.1f}",
        f"{part:.0f}",
    ]
    text.unlink()
    shutil.rmtree(made.directory)
    return [name, *cells, MARKS[met]], met


def report_costs(megabytes: int, runs: int, home: Path) -> bool:
    """Measure and print what columns cost by kind of text; return whether the mix meets the bars."""
    rows = []
    for name, kind in {**SERVICES, "all mixed": services}.items():
        row, met = costs(kind, name, megabytes, runs, home)
        rows.append(row)
        print(f"{name}: {row[5]} times zstd -3", file=sys.stderr, flush=True)
    header = [
        "text",
        "M lines a GiB",
        "zstd's ratio",
        "`zstd -3`, CPU s a GiB",
        "columns, CPU s a GiB",
    ]
    print(
        markdown([*header, f"times ≤ {CPU_BAR:g}", f"% of .zst ≤ {SIZE_BAR:g}", "bars"], rows), "\n"
    )
    return met


def grow(sizes: Sequence[int], runs: int, home: Path) -> None:
    """Ask over stores of so many GiB, and print the CPU seconds of logsrv."""
    table = {name: [name] for name in QUESTIONS}
    for size in sizes:
        print(f"{size} GiB", file=sys.stderr, flush=True)
        directory = home / f"{size}-GiB"
        make(directory, size * 4, 256, (services,), STEP)
        cpu, memory = make_columns(directory)
        print(f"columns: {cpu:.1f} s of CPU, {memory} MiB", file=sys.stderr, flush=True)
        for question, row in table.items():
            asked, _ = measure(directory, question, [], runs, plain=0)
            row.append(f"{asked['logsrv'].cpu:.2f}")
    print("\n" + markdown(["CPU s", *(f"{size} GiB" for size in sizes)], table.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a store, measure, print; return 1 if a bar is missed or rows differ."""
    parser = argparse.ArgumentParser(
        description="Measure columns beside engines that read Parquet."
    )
    parser.add_argument("--segments", type=int, default=4)
    parser.add_argument("--megabytes", type=int, default=256, help="of each, in MiB (256)")
    parser.add_argument(
        "--kinds", type=int, default=256, help="of each kind of text, in MiB (256, a segment)"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--growth", default="", help="sizes in GiB, as 1,4,16; a fourth of them on the disk"
    )
    parser.add_argument("--directory", type=Path, default=OUT, help="where the store is made")
    given = parser.parse_args(arguments)
    given.directory.mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; minima of {given.runs}\n")
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="columns-") as name:
        home = Path(name)
        met = report_costs(given.kinds, given.runs, home)
        made = make(home / "store", given.segments, given.megabytes, (services,), STEP)
        cpu, memory = make_columns(made.directory)
        print(f"columns of {made.text / 1e9:.2f} GB: {cpu:.1f} s of CPU, {memory} MiB\n")
        met = ask_all(made.directory, given.runs) and met and memory <= MEMORY_BAR
        if given.growth:
            grow([int(size) for size in given.growth.split(",")], given.runs, home)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
