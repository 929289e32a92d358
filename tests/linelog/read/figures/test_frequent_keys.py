"""The most frequent keys in bounded memory: never too high, none missing, in bounds."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.figures import frequent_keys
from logsrv.linelog.read.figures.frequent_keys import FrequentKeys, characters_of_texts


def portions(keys: Iterable[str], size: int) -> Iterator[Counter[str]]:
    left = iter(keys)
    while portion := Counter(islice(left, size)):
        yield portion


def check(keys: list[str], size: int) -> FrequentKeys[str]:
    """Count keys in portions, and compare with the truth."""
    found: FrequentKeys[str] = FrequentKeys(characters_of_texts)
    for portion in portions(keys, size):
        found.add(portion)
    counted, truth = dict(found.items()), Counter(keys)
    assert len(counted) <= 2 * frequent_keys.MOST_KEYS + 1
    for key, lines in truth.items():
        assert lines - found.missed <= counted.get(key, 0) <= lines
    return found


RARE = [f"r{number}" for number in range(300)]


@pytest.mark.parametrize(
    "keys",
    [
        [*RARE, *["heavy"] * 100],
        [*["heavy"] * 100, *RARE],
        [*RARE[:150], *["heavy"] * 100, *RARE[150:]],
        [*RARE * 3, *["heavy"] * 100],
        # Seldom each time, but often in all.
        [key for number in range(300) for key in ("heavy", *RARE[number : number + 25])],
        [key for rare in RARE for key in (rare, rare, "heavy")],
        ["x" * 90 + rare for rare in RARE] + ["heavy"] * 100,
        [rare for rare in RARE for _ in range(3)] + [key for one in RARE for key in (one, "heavy")],
        [f"h{number % 5}" if number % 2 else f"r{number}" for number in range(2000)],
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_most_frequent_key_is_never_missing(keys, size, monkeypatch):
    monkeypatch.setattr(frequent_keys, "MOST_KEYS", 10)
    monkeypatch.setattr(frequent_keys, "MOST_CHARACTERS", 1000)
    found = check(keys, size)
    assert found.missed
    (first, lines), *_ = Counter(keys).most_common()
    if lines > found.missed:
        assert first in found


@given(st.lists(st.sampled_from("abcdefghij")), st.integers(1, 9))
def test_a_number_is_too_low_by_missed_at_most(keys, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frequent_keys, "MOST_KEYS", 2)
        found = check(keys, size)
    assert found.missed <= len(keys) // 2


def test_the_numbers_of_few_keys_are_exact():
    found: FrequentKeys[str] = FrequentKeys(characters_of_texts)
    for portion in portions([*RARE, *RARE, "heavy"], 50):
        assert not found.add(portion)
    assert (found.missed, found.left_out, found.total) == (0, 0, 601)
    assert dict(found.items()) == Counter([*RARE, *RARE, "heavy"])
