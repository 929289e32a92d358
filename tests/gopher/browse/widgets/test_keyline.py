"""The row of keys fits its window, and never leaves out the help."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.browse.widgets.keyline import ALWAYS, Key, fitting

KEYS: list[Key] = [("Enter", "Open", ""), ("b", "Back", ""), ("s", "Save", ""), *ALWAYS]


def text(keys: list[Key]) -> str:
    return " ".join(f"{name} {does}" for name, does, _ in keys)


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    assert text(fitting(KEYS, 80)) == "Enter Open b Back s Save ? Help q Quit"
    assert text(fitting(KEYS, 34)) == "Enter Open b Back ? Help q Quit"


@given(st.integers(14, 100))
def test_it_fits(width: int) -> None:
    shown = fitting(KEYS, width)
    assert len(text(shown)) <= width and shown[-2:] == list(ALWAYS)
