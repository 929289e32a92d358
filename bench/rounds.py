"""The order of runs: in each round every server has its turn, so that a slow minute affects all alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from bench.cases import Case, Datagrams, Idle, Slow, Stream
from bench.child import ChildError
from bench.results import Failure, Result, Run
from bench.runs import Bench, run_datagrams, run_idle, run_slow, run_stream
from bench.servers import Bare, Server

C = TypeVar("C", Stream, Datagrams, Slow, Idle)

WARM_UP = 4  # the warm-up has a quarter of the lines
# A few rounds are enough: a run has thousands of samples, or differs little from the others.
SLOW_ROUNDS = 1
IDLE_ROUNDS = 3


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def _attempt(
    bench: Bench,
    run: Callable[[Bench, Server, C, int], Result],
    server: Server,
    case: C,
    number: int,
) -> Result:
    """Return the result of a run, or a Failure with the reason."""
    try:
        return run(bench, server, case, number)
    except (ChildError, OSError) as error:
        say(f"  {case.name}, {server.name}: {error}")
        return Failure(case.name, server.name, number, str(error))


def _stream(bench: Bench, case: Stream, servers: Sequence[Server], runs: int) -> Iterator[Result]:
    if bench.load_for(case.wire) is None:
        say(f"Without {case.name}: the load generator has no TLS.")
        return
    servers = [server for server in servers if server.takes(case.wire)]
    for number in range(runs + 1):
        load = case if number else case.part(WARM_UP)
        for server in servers:
            yield _attempt(bench, run_stream, server, load, number)


def _datagrams(
    bench: Bench, case: Datagrams, servers: Sequence[Server], runs: int
) -> Iterator[Result]:
    for number in range(1, runs + 1):
        active = list(servers)
        for rate in case.rates:
            for server in list(active):
                result = _attempt(bench, partial(run_datagrams, rate), server, case, number)
                yield result
                is_lossy = not isinstance(result, Run) or result.lost != 0
                if is_lossy and rate >= case.always:
                    active.remove(server)


def _slow(bench: Bench, case: Slow, servers: Sequence[Server], runs: int) -> Iterator[Result]:
    for number in range(1, min(runs, SLOW_ROUNDS) + 1):
        for server in servers:
            yield _attempt(bench, run_slow, server, case, number)


def _idle(bench: Bench, case: Idle, servers: Sequence[Server], runs: int) -> Iterator[Result]:
    for number in range(1, min(runs, IDLE_ROUNDS) + 1):
        for server in (*servers, Bare()):
            yield _attempt(bench, run_idle, server, case, number)


def rounds(bench: Bench, case: Case, servers: Sequence[Server], runs: int) -> Iterator[Result]:
    """Yield the results of all runs of a case, the warm-up (round 0) first."""
    match case:
        case Stream():
            return _stream(bench, case, servers, runs)
        case Datagrams():
            return _datagrams(bench, case, servers, runs)
        case Slow():
            return _slow(bench, case, servers, runs)
        case Idle():
            return _idle(bench, case, servers, runs)
