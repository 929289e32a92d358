"""`make fuzz`: fuzz all targets, each for its share of the time, and add new inputs to the corpus.

    python tests/fuzz/fuzz.py --seconds 60 [--jobs 2] [--engine hypothesis] [TARGET…]

It uses atheris if that is installed, else Hypothesis, which finds less and adds nothing to the corpus. An
input that shows a defect is saved in tests/fuzz/found/TARGET, the command that repeats it is printed, and
the status is 1. libFuzzer keeps its inputs for the next time in build/fuzz/TARGET. The corpus beside the
tests gets the small inputs that take a code path which no input there takes.
"""

import argparse
import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ENGINE = HERE / "engine.py"
CORPUS, FOUND, WORK = HERE / "corpus", HERE / "found", ROOT / "build" / "fuzz"
# An input that takes longer is a defect: most take a millisecond.
_LONGEST_RUN = 10
_MOST_MEMORY_MB = 2048


def run(arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run an engine and capture its output."""
    return subprocess.run(
        [sys.executable, str(ENGINE), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        timeout=seconds + 600,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def keep_new(name: str, seconds: float) -> str:
    """Add the new inputs to the corpus of a target; return their number as the engine printed it."""
    ended = run([name, "--keep", str(WORK / name), str(seconds)], seconds)
    return ended.stdout.strip().rpartition("\n")[2]


def fuzz(name: str, seconds: float, engine: str) -> bool:
    """Fuzz a target and print the outcome; return whether no defect was found."""
    found, work = FOUND / name, WORK / name
    work.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    before = set(found.glob("*"))
    if engine == "atheris":
        found.mkdir(parents=True, exist_ok=True)
        limits = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-timeout={_LONGEST_RUN}",
            f"-rss_limit_mb={_MOST_MEMORY_MB}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
        ]
        ended = run([name, str(work), str(CORPUS / name), *limits], seconds)
    else:
        ended = run([name, "--hypothesis", str(seconds), str(found)], seconds)
    new = sorted(file for file in set(found.glob("*")) - before if "slow-unit" not in file.name)
    if not new and not ended.returncode:
        added = keep_new(name, max(5.0, seconds / 4)) if engine == "atheris" else "kept 0"
        lines = [line for line in ended.stdout.splitlines() if "number_of_executed" in line]
        print(f"{name}: {lines[0].split()[-1] if lines else '?'} inputs, {added}", flush=True)
        if found.is_dir() and not any(found.iterdir()):
            found.rmdir()
        return True
    said = [line for line in ended.stdout.splitlines() if not line.startswith("INFO: ")]
    print("\n".join(said[-60:]))
    print(f"{name}: a defect, or the target is wrong; again:")
    for file in new:
        print(f"    {sys.executable} {ENGINE.relative_to(ROOT)} {name} {file.relative_to(ROOT)}")
    sys.stdout.flush()
    return False


def main() -> int:
    """Fuzz the targets of the command line and return the exit status."""
    # Both modules can be imported only now: see `find_tests`.
    sys.path.insert(0, str(HERE))
    engine_module: Any = importlib.import_module("engine")
    engine_module.find_tests()
    every = importlib.import_module("tests.fuzz.every").EVERY

    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz the parsers.")
    parser.add_argument("--seconds", type=float, default=60, help="for all together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=" ".join(every))
    given = parser.parse_args()
    unknown = [name for name in given.targets if name not in every]
    if unknown:
        parser.error(f"no target is called {' or '.join(unknown)}; there are {', '.join(every)}")
    names = given.targets or list(every)
    engine = given.engine or ("atheris" if engine_module.has_atheris() else "hypothesis")
    each = given.seconds * given.jobs / len(names)
    print(f"make fuzz: {len(names)} targets, {each:.0f} s each, by {engine}", flush=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        well = list(pool.map(lambda name: fuzz(name, each, engine), names))
    print(f"make fuzz: {well.count(False)} of {len(names)} targets found something")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
