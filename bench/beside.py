"""The rate of received lines while a process ships them, as a share of the rate without. The bar is 0.8.

    python -m bench.beside                    # 8 connections, 100-byte lines, in turns with and without
    python -m bench.beside --runs 9 --millions 16

The centre that gets the lines stands for another machine: its store is in memory, and its threads have the
lowest priority. The server starts the shipping process as usual.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.build import OUT, build
from bench.cases import Stream
from bench.certificate import write_certificate
from bench.runs import Bench, run_stream
from bench.servers import Logsrv
from bench.ship import blocks
from bench.table import MARKS, markdown
from logsrv.kit.children.child_side import NICE

BAR = 0.8


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turns and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds that count")
    parser.add_argument("--millions", type=int, default=8, metavar="N", help="lines of a run")
    parser.add_argument("--centre", type=Path, default="/dev/shm", help="where its store is")
    parser.add_argument("--directory", type=Path, default=OUT, help="where the lines are stored")
    given = parser.parse_args(arguments)
    given.directory.mkdir(parents=True, exist_ok=True)
    case = Stream("tcp-8", "TCP, 8 connections, 100 bytes", given.millions * 1_000_000)
    alone, beside = [], []
    with tempfile.TemporaryDirectory(dir=given.directory) as made:
        base = Path(made)
        bench = Bench(build("load"), None, write_certificate(base / "pem"), base, OUT, None)
        for number in range(given.runs + 1):
            alone.append(run_stream(bench, Logsrv(), case, number))
            with (
                tempfile.TemporaryDirectory(dir=given.centre) as far,
                blocks(Path(far), profile=None) as centre,
            ):
                for thread in (
                    task for pid in centre.pids for task in os.listdir(f"/proc/{pid}/task")
                ):
                    os.setpriority(os.PRIO_PROCESS, int(thread), NICE)
                token = Path(far, "token")
                options = ("--ship", centre.url, "--ship-token-file", str(token))
                beside.append(run_stream(bench, Logsrv(options), case, number))
                size = sum(one.stat().st_size for one in Path(far, "centre").glob("*.log*"))
            print(
                f"{number or 'warm-up'}: {alone[-1].rate / 1e6:.2f} and {beside[-1].rate / 1e6:.2f}"
                f" million lines/s; {size / 1e6:.0f} MB were there at the end",
                file=sys.stderr,
                flush=True,
            )
    rates = [statistics.median(run.rate for run in runs[1:]) for runs in (alone, beside)]
    ratio = rates[1] / rates[0]
    cpu = [statistics.median(run.cpu_per_million for run in runs[1:]) for runs in (alone, beside)]
    header = ("taking in", "million lines/s", "CPU s per million lines", "of that alone", "bar")
    rows = [
        ["alone", f"{rates[0] / 1e6:.2f}", f"{cpu[0]:.3f}", "", ""],
        [
            "with a shipper",
            f"{rates[1] / 1e6:.2f}",
            f"{cpu[1]:.3f}",
            f"{ratio:.2f} (≥ {BAR})",
            MARKS[ratio >= BAR],
        ],
    ]
    print(markdown(header, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
