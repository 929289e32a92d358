"""Smart case: a capital in what is looked for says that case counts."""

from __future__ import annotations


def has_capital(text: str) -> bool:
    """Tell whether `text` has a letter of A–Z."""
    return any("A" <= character <= "Z" for character in text)
