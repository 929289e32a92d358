"""One target, fuzzed by atheris or by Hypothesis: a process of its own, started by `fuzz.py`.

engine.py TARGET DIRECTORY… [-libfuzzer_option=…]     by atheris, with the options of libFuzzer
engine.py TARGET --hypothesis SECONDS FOUND           by Hypothesis
engine.py TARGET --keep DIRECTORY SECONDS             adds the inputs there with new code paths to the
corpus engine.py TARGET FILE…                                each file once
"""

import hashlib
import importlib
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

ENGINE_PATH = Path(__file__)
ROOT = ENGINE_PATH.parent.parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
MOST_KEPT = 7_000
"""Bytes that the corpus of a target has at most: it is read in every run of the quick tests."""
LONGEST_KEPT = 600


def find_tests() -> None:
    """Make `tests` this project's folder: a wheel that the tests use has a package of that name."""
    found = ModuleType("tests")
    found.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = found
    sys.path.insert(0, str(ROOT))


def has_atheris() -> bool:
    """Return whether atheris is installed for this Python."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


def of_target(name: str) -> Any:
    """Return the target of this name, with only its modules loaded: all targets take ten
    seconds to load.
    """
    for file in (ROOT / "tests" / "fuzz" / "targets").glob("*.py"):
        if f"\ndef {name}(" in file.read_text():
            importlib.import_module(f"tests.fuzz.targets.{file.stem}")
    return importlib.import_module("tests.fuzz.target").TARGETS[name]


def watched() -> AbstractContextManager[object]:
    """Return a context in which atheris instruments the modules that are imported."""
    if not has_atheris():
        return nullcontext()
    import atheris

    found: AbstractContextManager[object] = atheris.instrument_imports(include=["logsrv"])
    return found


def by_atheris(name: str, options: list[str]) -> None:
    """Fuzz with libFuzzer, which follows the code paths that inputs take; end the process."""
    import atheris

    # Also the modules that are loaded on first use.
    with watched():
        target = of_target(name)
        atheris.Setup([sys.argv[0], *options, f"-max_len={target.longest}"], target.run)
        atheris.Fuzz()


def by_hypothesis(
    name: str, seconds: float, found: Path, at_once: int = 100, begun: int | None = None
) -> None:
    """Fuzz with changed inputs of the corpus for `seconds`. A defect is saved, made small, and raised.

    begun: seed of the choice of inputs; None for different inputs each time.
    """
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    target = of_target(name)
    seeds = [file.read_bytes() for file in sorted((CORPUS / name).glob("*"))] or [b""]
    part = st.binary(max_size=20) | st.sampled_from(seeds)
    change = st.tuples(st.integers(0, 1 << 16), st.integers(0, 8), part)

    def changed(base: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for at, removed, put in changes:
            at %= len(base) + 1
            base = base[:at] + put + base[at + removed :]
        return base[: target.longest]

    inputs = st.builds(changed, st.sampled_from(seeds), st.lists(change, max_size=6))
    last = b""

    @settings(
        max_examples=at_once,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs | st.binary(max_size=200))
    def tried(data: bytes) -> None:
        nonlocal last
        last = data
        target.run(data)

    until = time.monotonic() + seconds
    begun = time.time_ns() if begun is None else begun
    number = 0
    while time.monotonic() < until:
        try:
            seed(begun + number)(tried)()
        except Exception:
            found.mkdir(parents=True, exist_ok=True)
            file = found / f"crash-{hashlib.sha1(last, usedforsecurity=False).hexdigest()[:16]}"
            file.write_bytes(last)
            raise
        number += 1
    print(f"{name}: {number * at_once} inputs, by Hypothesis")


def keep(name: str, directory: Path, seconds: float) -> None:
    """Add to the corpus the inputs that take code paths which no input there takes, the smallest first.

    The merge of libFuzzer cannot be used: it starts its program again and again, and the program would be
    Python without its script. It also counts how often a path is taken, so one loop gives a hundred inputs.
    """
    from tests.fuzz.ways import ways

    target = of_target(name)
    kept = CORPUS / name
    room = MOST_KEPT
    taken: set[object] = set()
    for file in kept.glob("*"):
        room -= file.stat().st_size
        taken |= ways(target.run, file.read_bytes())
    number, until = 0, time.monotonic() + seconds
    for file in sorted(directory.glob("*"), key=lambda one: (one.stat().st_size, one.name)):
        size = file.stat().st_size
        if size > min(room, LONGEST_KEPT) or time.monotonic() > until:
            break
        data = file.read_bytes()
        new = ways(target.run, data) - taken
        if new:
            taken |= new
            (kept / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]).write_bytes(data)
            room -= size
            number += 1
    print(f"kept {number}")


def main(arguments: list[str]) -> None:
    """Run the engine as the arguments say."""
    find_tests()
    name, *others = arguments
    files = [Path(one) for one in others if Path(one).is_file()]
    if others[:1] == ["--hypothesis"]:
        by_hypothesis(name, float(others[1]), Path(others[2]))
    elif others[:1] == ["--keep"]:
        keep(name, Path(others[1]), float(others[2]))
    elif files and len(files) == len(others):
        target = of_target(name)
        for file in files:
            target.run(file.read_bytes())
    else:
        by_atheris(name, others)


if __name__ == "__main__":
    main(sys.argv[1:])
