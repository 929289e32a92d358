"""Figures of the benchmark: medians and ratios, the tables, the bars, and the costs that grow too fast."""

from collections.abc import Callable, Iterator
from itertools import cycle

import pytest

from bench import growth
from bench.bars import verdicts
from bench.curves.curve import Curve
from bench.results import Figures, IdleRun, Run
from bench.watch import Delays


def run(case: str, server: str, number: int, seconds: float, target: int = 0, lost: int = 0) -> Run:
    delays = Delays((0.001, 0.002))
    stored = 1000 - lost
    return Run(
        case, server, number, 1000, stored, seconds, 0.5, seconds, 0.0, 1, target, delays=delays
    )


def test_ratios_are_taken_within_a_round_without_the_warm_up():
    """A slow round slows both, and leaves the ratio alone."""
    figures = Figures(
        [
            *(run("c", "sink", 0, 1.0), run("c", "us", 0, 100.0, lost=9)),
            *(run("c", "sink", 1, 1.0), run("c", "us", 1, 2.0)),
            *(run("c", "sink", 2, 10.0), run("c", "us", 2, 20.0)),
        ]
    )
    assert figures.ratio("c", "us", "sink", lambda r: r.rate) == 0.5
    assert figures.ratio("c", "us", "them", lambda r: r.rate) is None
    assert figures.lost("c", "us") == 0


def test_loss_at_a_low_rate_is_not_forgiven_by_luck_at_a_higher_one():
    lucky = [run("c", "us", 1, 1.0, target=100, lost=1), run("c", "us", 1, 1.0, target=200)]
    assert Figures(lucky).loss_free("c", "us") == 0.0
    assert Figures(lucky[1:]).loss_free("c", "us") == 2000.0, "what was really offered"


@pytest.mark.parametrize(
    ("bar", "met", "missed"),
    [
        (
            "tcp-1: at least 0.9 of the throughput of sink",
            [run("tcp-1", "sink", 1, 1.0), run("tcp-1", "logsrv", 1, 1.1)],
            [run("tcp-1", "sink", 1, 1.0), run("tcp-1", "logsrv", 1, 1.2)],
        ),
        (
            "tcp-8: at most 0.25 of the CPU time per line of rsyslog",
            [run("tcp-8", "rsyslog", 1, 4.0), run("tcp-8", "logsrv", 1, 1.0)],
            [run("tcp-8", "rsyslog", 1, 3.0), run("tcp-8", "logsrv", 1, 1.0)],
        ),
        (
            "udp (bursts, see README): nothing lost",
            [run("udp", "logsrv", 1, 1.0, 500_000)],
            [run("udp", "logsrv", 1, 1.0, 500_000, lost=1)],
        ),
        ("streams:", [run("tcp-20B", "logsrv", 1, 1.0)], [run("tcp-20B", "logsrv", 1, 1.0, 0, -1)]),
        (
            "idle: a connection costs at most 1.8 KiB",
            [IdleRun("idle", "logsrv", 1, 1000, 0, 1_840_000)],
            [IdleRun("idle", "logsrv", 1, 1000, 0, 1_850_000)],
        ),
    ],
)
def test_a_bar_is_met_missed_or_not_measured(bar, met, missed):
    for results, said in ((met, True), (missed, False), ([], None)):
        [found] = [one for one in verdicts(Figures(results)) if one.bar.startswith(bar)]
        assert found.met is said


SIZES = (10, 100, 1000, 10_000)


def curve(measure: Callable[[int], float]) -> Curve:
    """A curve of segments that may grow with the root of their number, and reach 100 ms at last."""
    return Curve(
        "a", "segments", "ms", SIZES, SIZES[:2], lambda size, _: measure(size), 0.5, {10_000: 100.0}
    )


NOISE = cycle([1.0, 1.0, 90.0, 900.0, 1.0, 50.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("measure", "status", "said"),
    [
        (lambda size: 5.0, 0, "10: 5, 100: 5, 1,000: 5, 10,000: 5"),
        (lambda size: size / 1000, 1, "NOT MET: a: grows with the power 1.00, more than 0.5"),
        (lambda size: 700.0, 1, "NOT MET: a: 700 ms at 10,000 segments, more than 100"),
        # It is measured again: noise only adds.
        (lambda size: next(NOISE), 0, "10: 1, 100: 1, 1,000: 1, 10,000: 1"),
    ],
)
def test_a_cost_that_grows_too_fast_or_is_too_much_is_told(
    measure, status, said, monkeypatch, capsys
):
    def every() -> Iterator[tuple[str, tuple[Curve, ...]]]:
        yield "module", (curve(measure),)

    monkeypatch.setattr(growth, "every_curve", every)
    assert growth.main([]) == status
    assert said in capsys.readouterr().out
