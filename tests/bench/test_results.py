"""Medians and ratios."""

from __future__ import annotations

from bench.results import Figures, Run


def run(server: str, number: int, seconds: float = 1.0, target: int = 0, lost: int = 0) -> Run:
    return Run("c", server, number, 1000, 1000 - lost, seconds, 0.5, 1.0, 1.0, 1, target)


def test_ratios_are_taken_within_a_round() -> None:
    """A slow round slows both, and leaves the ratio alone."""
    figures = Figures(
        [
            *(run("sink", 1, 1.0), run("us", 1, 2.0)),
            *(run("sink", 2, 10.0), run("us", 2, 20.0)),
            *(run("sink", 3, 1.0), run("us", 3, 2.0)),
        ]
    )
    assert figures.ratio("c", "us", "sink", lambda r: r.rate) == 0.5


def test_the_warm_up_counts_for_nothing() -> None:
    figures = Figures([run("us", 0, 100.0, lost=9), run("us", 1, 1.0)])
    assert figures.median("c", "us", lambda r: r.rate) == 1000.0 and figures.lost("c", "us") == 0


def test_a_server_that_never_ran_has_no_figure() -> None:
    figures = Figures([run("us", 1)])
    assert figures.median("c", "them", lambda r: r.rate) is None
    assert figures.ratio("c", "us", "them", lambda r: r.rate) is None
    assert figures.loss_free("c", "them") is None and figures.idle("c", "them") is None


def test_loss_at_a_low_rate_is_not_forgiven_by_luck_at_a_higher_one() -> None:
    figures = Figures([run("us", 1, target=100, lost=1), run("us", 1, target=200)])
    assert figures.loss_free("c", "us") == 0.0


def test_the_highest_rate_is_what_was_really_offered() -> None:
    figures = Figures([run("us", 1, target=200), run("us", 1, target=9_000)])
    assert figures.loss_free("c", "us") == 2000.0
