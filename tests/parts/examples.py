"""More examples of Hypothesis than a test usually uses."""

from typing import Any

from hypothesis import settings


def more(times: float, **others: Any) -> settings:
    """Return settings with `times` as many as usual (EXAMPLES, 25 without it). others: further settings."""
    return settings(max_examples=max(1, round(times * settings().max_examples)), **others)
