"""Curves of costs: what is measured again, what is not met, and the picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run
from xml.etree import ElementTree

import pytest

from bench import growth
from bench.curves.curve import Curve, Measured, Missing
from bench.drawing import drawn

SIZES = (10, 100, 1000, 10_000)
ROOT = Path(__file__).parents[2]
Give = Callable[..., None]


def curve(measure: Callable[[int], float], most: float = 100.0) -> Curve:
    """A curve of segments that may grow with the root of their number, and reach `most` at last."""
    return Curve(
        "a",
        "segments",
        "ms",
        SIZES,
        SIZES[:2],
        lambda size, _: measure(size),
        0.5,
        {SIZES[-1]: most},
    )


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """`give(curve)` has growth.py know that one alone."""

    def give(one: Curve) -> None:
        def every() -> Iterator[tuple[str, tuple[Curve, ...]]]:
            yield "module", (one,)

        monkeypatch.setattr(growth, "every_curve", every)

    return give


@pytest.mark.parametrize("cost", [5.0, 0.0])
def test_a_flat_cost_has_the_power_zero(cost: float) -> None:
    measured = Measured(curve(lambda _: cost), tuple((size, cost) for size in SIZES))
    assert measured.slope() == pytest.approx(0)
    assert measured.faults() == []


def test_a_cost_in_proportion_is_told(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(curve(lambda size: size / 1000))
    assert growth.main([]) == 1
    assert "NOT MET: a: grows with the power 1.00, more than 0.5" in capsys.readouterr().out


def test_a_cost_above_its_figure_is_told(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(curve(lambda _: 7, most=5))
    assert growth.main([]) == 1
    assert "NOT MET: a: 7 ms at 10,000 segments, more than 5" in capsys.readouterr().out


def test_noise_is_measured_again(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    costs = iter([1.0, 1.0, 90.0, 900.0, 1.0, 50.0, 1.0, 1.0])
    give(curve(lambda _: next(costs)))
    assert growth.main([]) == 0
    assert "10: 1, 100: 1, 1,000: 1, 10,000: 1" in capsys.readouterr().out


def test_what_is_missing_is_told(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(_: int) -> float:
        raise Missing("rg is not installed")

    give(curve(measure))
    assert growth.main(["--short"]) == 0
    assert "not measured: a: rg is not installed" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        growth.main(["--curve", "nothing has this name"])
    assert "no curve has such a name" in capsys.readouterr().err


def test_the_picture_has_a_chart_of_each_curve() -> None:
    steep = Measured(curve(float), tuple((size, float(size)) for size in SIZES))
    root = ElementTree.fromstring(drawn([steep] * 4))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}g")) == 4
    assert len(list(root.iter(f"{space}circle"))) == 4 * len(SIZES)


def test_each_curve_has_points_enough() -> None:
    for _, of_module in growth.every_curve():
        for one in of_module:
            assert len(one.sizes) >= 4, one.name
            assert len(one.short) >= 2, one.name
            assert sorted(one.sizes) == list(one.sizes), one.name


# Those that take minutes in the short form as well are left to `python -m bench.growth --short`.
IN_SHORT = ("alerts", "gc-pause", "metrics", "networks", "stop-tls", "histogram", "rotation")


@pytest.mark.long
@pytest.mark.nightly
def test_costs_grow_as_they_may() -> None:
    """The short form of curves: costs of small sizes, measured again when they are too much."""
    chosen = [word for name in IN_SHORT for word in ("--curve", name)]
    done = run(
        [sys.executable, "-m", "bench.growth", "--short", *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
