"""`python -m bench`: run the servers in turns, measure, print the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.bars import Verdict, verdicts
from bench.build import OUT, BuildError, build
from bench.cases import CASES, QUICK, Case, Stream
from bench.certificate import write_certificate
from bench.results import Failure, Figures, Result
from bench.rounds import rounds, say
from bench.runs import TRACERS, Bench
from bench.servers import Server, every_server
from bench.table import failure_lines, plain, report, verdict_lines

SERVERS = ("sink", "logsrv", "before", "rsyslog", "syslog-ng")
RUNS = 7
QUICK_RUNS = 2


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="logsrv beside a C sink, rsyslog and syslog-ng"
    )
    names = [case.name for case in CASES]
    parser.add_argument("--case", action="append", choices=names, help="only this; repeatable")
    parser.add_argument("--only", action="append", choices=SERVERS, help="only this; repeatable")
    parser.add_argument("--runs", type=int, metavar="N", help="rounds that count (7; quick: 2)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a quarter of the lines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there")
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="DIR",
        default=os.environ.get("BENCH_PEERS"),
        help="peers unpacked in DIR/rsyslog and DIR/syslog-ng (or the variable BENCH_PEERS)",
    )
    parser.add_argument(
        "--logsrv-args", default="", metavar="ARGS", help='options for logsrv: "--sync never"'
    )
    parser.add_argument(
        "--before",
        type=Path,
        metavar="PATH",
        help="another checkout with its own .venv, to take turns with this one",
    )
    parser.add_argument("--trace", choices=sorted(TRACERS), help="look inside; see README.md")
    return parser


def available(servers: Sequence[Server], only: Sequence[str] | None) -> list[Server]:
    """Return the chosen servers that are installed; print a line for each that is not."""
    found = []
    for server in servers:
        if only and server.name not in only:
            continue
        missing = server.missing()
        if missing:
            say(f"Without {server.name}: {missing}")
        else:
            found.append(server)
    return found


def prepare_environment() -> None:
    """Allow thousands of connections, and remove the user's settings, which the servers would read."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for name in [name for name in os.environ if name.startswith("LOGSRV_")]:
        del os.environ[name]


def tls_load(cases: Sequence[Case]) -> Path | None:
    """Build the load generator with OpenSSL if a case needs it; None if not needed, or if that fails."""
    if not any(isinstance(case, Stream) and case.wire == "tls" for case in cases):
        return None
    try:
        return build("load-tls")
    except BuildError as error:
        say(f"{error}\nFor TLS it needs OpenSSL's headers (on Debian: apt-get install libssl-dev).")
        return None


def measure(
    bench: Bench, cases: Sequence[Case], servers: Sequence[Server], runs: int
) -> list[Result]:
    results: list[Result] = []
    for case in cases:
        start = time.monotonic()
        results += rounds(bench, case, servers, runs)
        say(f"{case.name}: {time.monotonic() - start:.0f} s")
    return results


def write_json(file: Path, results: Sequence[Result], found: Sequence[Verdict]) -> None:
    machine = {"system": platform.platform(), "python": platform.python_version()}
    content = {
        "machine": {**machine, "cores": os.cpu_count()},
        "runs": [plain(result) for result in results],
        "verdicts": [{"bar": v.bar, "measured": v.measured, "met": v.met} for v in found],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")


def main() -> int:
    options = parser().parse_args()
    try:
        load, sink = build("load"), build("sink")
    except BuildError as error:
        say(str(error))
        return 1
    if options.trace and shutil.which(options.trace) is None:
        say(f"--trace {options.trace}: {options.trace} is not on PATH.")
        return 1
    prepare_environment()
    cases = [case for case in CASES if not options.case or case.name in options.case]
    if options.quick:
        cases = [case.part(QUICK) for case in cases]
    peers = options.peers.resolve() if options.peers else None
    logsrv_arguments = tuple(shlex.split(options.logsrv_args))
    before = options.before.resolve() if options.before else None
    servers = available(every_server(sink, peers, logsrv_arguments, before), options.only)
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    with tempfile.TemporaryDirectory(prefix="run-", dir=os.environ.get("TMPDIR", OUT)) as base:
        pem = write_certificate(Path(base, "certificate.pem"))
        bench = Bench(load, tls_load(cases), pem, Path(base), OUT, options.trace)
        results = measure(bench, cases, servers, runs)
    figures = Figures(results)
    found = verdicts(figures)
    print(report(figures, cases, [server.name for server in servers]))
    print("\n" + verdict_lines(found))
    failures = failure_lines(results)
    if failures:
        print("\nNot in order:\n\n" + failures)
    if options.json:
        write_json(options.json, results, found)
    return int(any(isinstance(result, Failure) for result in results))


if __name__ == "__main__":
    sys.exit(main())
