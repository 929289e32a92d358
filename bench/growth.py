"""Costs over the size of a store, and over the number of its readers, alerts and connections.

    python -m bench.growth                              # all curves: about an hour
    python -m bench.growth --short                      # small sizes: minutes
    python -m bench.growth --curve rotation --curve alerts --picture docs/pictures/growth.svg

`--curve` takes the beginning of names. It fails if a curve rises faster, or is higher, than its limit. The
machine should be otherwise idle. `TMPDIR=/dev/shm` before the command makes the figures steadier.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import curves
from bench.build import OUT
from bench.curves.curve import Curve, Measured, Missing
from bench.drawing import drawn
from bench.table import markdown

TURNS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and draw; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--short",
        action="store_true",
        help="the small sizes only, for machines that do other things as well",
    )
    parser.add_argument("--curve", action="append", default=[], metavar="NAME")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the curves into it")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the points into it; curves that it has from before stay, and are drawn as well",
    )
    chosen = parser.parse_args(arguments)
    measured: list[Measured] = []
    missing: list[str] = []
    for module, of_module in every_curve():
        wanted = [
            c for c in of_module if not chosen.curve or c.name.startswith(tuple(chosen.curve))
        ]
        if wanted:
            print(f"# {module}", file=sys.stderr)
            _measure(wanted, chosen.short, measured, missing)
    if not measured and not missing:
        parser.error("no curve has such a name")
    print(table(measured))
    for line in missing:
        print(f"- not measured: {line}")
    faults = [fault for one in measured for fault in one.faults()]
    for fault in faults:
        print(f"- NOT MET: {fault}")
    if chosen.json:
        measured = _with_earlier(measured, chosen.json)
        points = {one.curve.name: dict(one.points) for one in measured}
        chosen.json.write_text(json.dumps(points, indent=1) + "\n")
    if chosen.picture:
        chosen.picture.write_text(drawn(measured))
    return 1 if faults else 0


def every_curve() -> Iterator[tuple[str, tuple[Curve, ...]]]:
    """Yield (name, curves) of each module of curves."""
    for module in sorted(one.name for one in pkgutil.iter_modules(curves.__path__)):
        found = getattr(importlib.import_module(f"{curves.__name__}.{module}"), "CURVES", ())
        if found:
            yield module, found


def _measure(
    wanted: Sequence[Curve], short: bool, measured: list[Measured], missing: list[str]
) -> None:
    """Measure the curves of a module, which share a directory."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="growth-", dir=_where()) as made:
        for curve in wanted:
            try:
                measured.append(_steady(curve, Path(made), short=short))
            except Missing as error:
                missing.append(f"{curve.name}: {error}")


def _steady(curve: Curve, directory: Path, *, short: bool) -> Measured:
    """Measure up to three times while a limit is exceeded, and keep the least costs: noise only adds."""
    least: dict[int, float] = {}
    for _ in range(TURNS):
        for size in curve.short if short else curve.sizes:
            cost = curve.measure(size, directory)
            print(f"{curve.name}: {size:,} {curve.over}: {cost:.4g} {curve.unit}", file=sys.stderr)
            least[size] = min(cost, least.get(size, cost))
        found = Measured(curve, tuple(least.items()), lenient=short)
        if not found.faults():
            break
    return found


def _with_earlier(measured: Sequence[Measured], file: Path) -> list[Measured]:
    """Return the curves in their usual order, with those of an earlier run from a file."""
    known = {one.curve.name: one for one in measured}
    earlier = json.loads(file.read_text()) if file.exists() else {}
    for _, of_module in every_curve():
        for curve in of_module:
            if curve.name in earlier and curve.name not in known:
                points = tuple((int(size), cost) for size, cost in earlier[curve.name].items())
                known[curve.name] = Measured(curve, points)
    return [known[c.name] for _, some in every_curve() for c in some if c.name in known]


def _where() -> str | None:
    """Return the directory for temporary files: None for $TMPDIR if that is set, else bench/out/."""
    return None if "TMPDIR" in os.environ else str(OUT)


def table(measured: Sequence[Measured]) -> str:
    """Return all points, and the exponents, as a Markdown table."""
    rows = []
    for one in measured:
        points = ", ".join(f"{size:,}: {cost:.3g}" for size, cost in one.points)
        powers = f"{one.slope():.2f} of {one.curve.exponent:g}"
        rows.append((one.curve.name, f"{one.curve.unit} over {one.curve.over}", points, powers))
    return markdown(("curve", "what", "points", "power"), rows)


if __name__ == "__main__":
    sys.exit(main())
