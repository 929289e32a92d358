"""A fuzz target: a function that parses any bytes and checks the outcome."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

Run: TypeAlias = Callable[[bytes], None]


@attrs.frozen
class Target:
    """A fuzz target.

    run: raises any exception for a defect. modules: the modules whose parsers it runs, without `logsrv.`.
    longest: most bytes of an input.
    """

    name: str
    run: Run
    modules: tuple[str, ...]
    longest: int


TARGETS: dict[str, Target] = {}


def target(*modules: str, longest: int = 2048) -> Callable[[Run], Run]:
    """Return a decorator that registers a function as the target of its name."""

    def made(run: Run) -> Run:
        name = run.__name__
        assert name not in TARGETS, f"two targets are called {name}"
        TARGETS[name] = Target(name, run, modules, longest)
        return run

    return made
