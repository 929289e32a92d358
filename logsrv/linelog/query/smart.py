"""Smart case: a capital in what is looked for says that case counts."""

from __future__ import annotations

import re

_CAPITAL = re.compile("[A-Z]")


def has_capital(text: str) -> bool:
    """Tell whether `text` has a letter of A–Z."""
    return _CAPITAL.search(text) is not None
