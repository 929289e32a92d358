"""The values of a field in a text, counted as a search counts them."""

from collections import Counter

from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups


def counted_values(field: str, text: bytes) -> tuple[int, Counter[str]]:
    """Return how many of these lines have a field, and how many have each value."""
    _, [lines], counts, _ = Groups(Grouping((COUNT,), (field,))).count_text(text)
    return lines, Counter(
        {value: number for (value,), number in counts.items() if value is not None}
    )
