"""More examples of Hypothesis than a test usually uses."""

from __future__ import annotations

from hypothesis import settings


def more(times: float) -> settings:
    """Return settings with `times` as many as usual (EXAMPLES, 25 without it)."""
    return settings(max_examples=round(times * settings().max_examples))
