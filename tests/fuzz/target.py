"""A fuzz target: a function of any bytes, and what must hold of what a parser makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

Run: TypeAlias = Callable[[bytes], None]


@attrs.frozen
class Target:
    """A target.

    run: raises whatever shows a defect. modules: those whose parsers it goes through, without `logsrv.`.
    longest: bytes of an input at most.
    """

    name: str
    run: Run
    modules: tuple[str, ...]
    longest: int


TARGETS: dict[str, Target] = {}


def target(*modules: str, longest: int = 2048) -> Callable[[Run], Run]:
    """Return a decorator that makes a target of a function, by its name."""

    def made(run: Run) -> Run:
        name = run.__name__
        assert name not in TARGETS, f"two targets are called {name}"
        TARGETS[name] = Target(name, run, modules, longest)
        return run

    return made
