"""Every letter has a meaning, also those nobody knows."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.itemtypes import item_type


@pytest.mark.parametrize(
    ("letter", "name", "transfer"),
    [
        ("0", "text", "text"),
        ("1", "menu", "menu"),
        ("7", "search", "menu"),
        ("9", "binary", "binary"),
        ("i", "information", None),
        ("8", "telnet", None),
        ("\xe9", "unknown", "binary"),
    ],
)
def test_what_a_letter_means(letter: str, name: str, transfer: str | None) -> None:
    found = item_type(letter)
    assert (found.letter, found.name, found.transfer) == (letter, name, transfer)
