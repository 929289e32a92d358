"""Text between two marks, as expressions read it: a mark behind a backslash does not end it."""

from __future__ import annotations


def text_until(mark: str, never: str = "") -> str:
    r"""Return the expression of a text that ends before `mark`, without the characters in `never`.

    It matches in one way only, so that a text without an end takes time by its length, and needs no
    possessive quantifiers, which match wrongly before Python 3.11.5. `(?:\\…|)` for the first backslash:
    most texts have none, and a repeated group costs as much as all else of a short one.
    """
    plain = rf"[^{mark}\\{never}]*"
    return rf"{plain}(?:\\.{plain}(?:\\.{plain})*|)"
