"""Runs tests many times on busy cores, and stops their processes at random: flaky.py [--times N] TEST … or
@FILE.

FILE is the output of .ci/run, with its lines `flaky: TEST`. Meanwhile every core is kept busy, and random
processes of the tests are stopped for 0.3 s each. Prints how often each test failed; status 0 if none did.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

run: Callable[[Sequence[str], Path], tuple[int, list[str]]]
run = runpy.run_path(str(Path(__file__).with_name("rerun.py")))["run"]
STOPPED = 0.3
TESTS_FAILED = 1


def names_of(words: Sequence[str]) -> Iterator[str]:
    """Yield the words; for @FILE the tests named in its lines `flaky: TEST`."""
    for word in words:
        if not word.startswith("@"):
            yield word
            continue
        for line in Path(word[1:]).read_text().splitlines():
            if line.startswith("flaky: "):
                yield line.removeprefix("flaky: ")


def descendants(process: int, without: set[int]) -> Iterator[int]:
    """Yield the running descendants of a process. without: children to leave out, with their
    descendants.
    """
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if child not in without:
                    yield child
                    yield from descendants(child, without)


def stop_at_random(ended: Event, without: set[int], chance: random.Random) -> None:
    """Until `ended` is set, stop random processes of the tests, one at a time, for 0.3 s each."""
    while not ended.wait(chance.uniform(0, STOPPED)):
        found = [*descendants(os.getpid(), without)]
        # The process may have ended meanwhile.
        with contextlib.suppress(OSError):
            chosen = chance.choice(found or [0])
            stopped = ") T " in Path(f"/proc/{chosen}/stat").read_text()
            if stopped or "python" not in os.readlink(f"/proc/{chosen}/exe"):
                # A test has stopped it, and must not see it go on. It may stop the programs of others,
                # such as a server of NATS, meanwhile too.
                continue
            process = os.pidfd_open(chosen)
            try:
                signal.pidfd_send_signal(process, signal.SIGSTOP)
                ended.wait(STOPPED)
                signal.pidfd_send_signal(process, signal.SIGCONT)
            finally:
                os.close(process)


@contextlib.contextmanager
def disturbed() -> Iterator[None]:
    """Keep all cores busy during the block, and stop processes started in it at random."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    ended = Event()
    without = {process.pid for process in busy}
    stopping = Thread(target=stop_at_random, args=(ended, without, random.Random()))
    stopping.start()
    try:
        yield
    finally:
        ended.set()
        stopping.join()
        for process in busy:
            process.kill()
            process.wait()


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run tests again and again, and stop them.")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument(
        "tests", nargs="+", help="as pytest takes them; @FILE has lines 'flaky: TEST'"
    )
    chosen = parser.parse_args(words)
    if chosen.times < 1:
        parser.error(f"--times is {chosen.times}; it is at least 1")
    try:
        names = [*names_of(chosen.tests)]
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"the file with the names cannot be read: {error}")
    if not names:
        parser.error("no line there begins with 'flaky: '")
    failures: Counter[str] = Counter()
    with disturbed():
        for _ in range(chosen.times):
            with tempfile.TemporaryDirectory(prefix="logsrv-flaky-") as place:
                status, failed = run(["-q", "--tb=short", *names], Path(place) / "cache")
            if status not in (0, TESTS_FAILED):
                return status
            failures.update(failed)
    for name, times in failures.most_common():
        print(f"failed {times} of {chosen.times} times: {name}")
    print(f"{len(failures)} tests failed in {chosen.times} runs")
    return TESTS_FAILED if failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
