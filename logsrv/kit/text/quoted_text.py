"""Regular expressions for text between two marks, such as quotes; a backslash in the text escapes a
mark.
"""

from __future__ import annotations


def pattern_until(mark: str, never: str = "") -> str:
    r"""Return a regular expression for text that ends before `mark` and has no character of `never`.

    It matches in one way only, so a text without its mark takes linear time. Possessive quantifiers would
    do the same, but match wrongly before Python 3.11.5. The group `(?:\\…|)` for the first backslash is not
    repeated, because most texts have no backslash, and a repeated group doubles the time for a short text.
    """
    plain = rf"[^{mark}\\{never}]*"
    return rf"{plain}(?:\\.{plain}(?:\\.{plain})*|)"
