"""Misspelt names in a class of an author's: told at the start, and helpers are left alone."""

from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.text.misspelt import check_spelling, edit_distance, is_typo
from logsrv.linelog.parts.work import PartWork


@pytest.mark.parametrize(
    ("name", "ours", "expected"),
    [
        ("recieved", "received", True),
        ("endpoint", "endpoints", True),
        ("makeServer", "make_server", True),
        ("site", "sites", False),
        ("refusal", "refused", False),
    ],
)
def test_a_typo_is_one_letter_more_or_less_or_two_swapped(name, ours, expected):
    assert is_typo(name, ours) is expected


def test_the_distance_counts_letters():
    assert edit_distance("same", "same") == 0
    assert edit_distance("recieved", "received") == 1
    assert edit_distance("a", "b") == 1
    assert edit_distance("a", "b", replacing=2) == 2


def test_a_misspelt_name_is_refused_and_one_that_the_class_uses_is_not():
    class Wrong(PartWork[Any]):
        def prepares(self, options: object) -> None:
            """Is never called."""

    with pytest.raises(ConfigurationError, match=r"Wrong.prepares would .* did you mean prepare\?"):
        check_spelling(Wrong)

    class Right(PartWork[Any]):
        def prepare(self, options: object) -> None:
            self.prepares()

        def prepares(self) -> None:
            """Is called above."""

    check_spelling(Right)
    check_spelling(PartWork)
    check_spelling(dict)


def test_a_class_in_a_plugin_file_is_its_authors():
    """Though the module of the file is one of the package `twisted`."""
    methods: dict[str, Any] = {"prepares": lambda self: None}
    made = type("Work", (PartWork,), {"__module__": "twisted.plugins.work_plugin", **methods})
    with pytest.raises(ConfigurationError, match="did you mean prepare"):
        check_spelling(made)
