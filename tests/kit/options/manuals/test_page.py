"""Manual pages: in order, and without a complaint of what shows them."""

from __future__ import annotations

import subprocess

from logsrv.kit.options.manuals.page import page, terms_page, text_page
from tests.kit.options.manuals.demo import program as demo
from tests.kit.options.manuals.test_roff import shown
from tests.programs import program

AT = {"date": "2026-11-22", "origin": "demo 1"}


def lint(text: str) -> str:
    """What mandoc has to say of a page."""
    words = [program("mandoc", "mandoc"), "-T", "lint", "-W", "warning"]
    return subprocess.run(words, input=text, capture_output=True, text=True).stdout


def test_a_command_has_its_sections_in_order() -> None:
    made = page(demo().commands[0], section=1, **AT)
    assert lint(made) == ""
    text = shown(made)
    titles = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES"]
    assert [line for line in text.splitlines() if line in titles] == titles
    for part in (
        "demo-find - find things",
        "demo find [OPTIONS] [QUERY ...]",
        "demo find 'it''s' $HOME",
        "--config FILE, -f FILE",
        "--output text|json",
    ):
        assert part in text
    assert "Exit status:" not in text and "Example:" not in text


def test_a_program_lists_its_commands_and_other_pages() -> None:
    text = shown(page(demo(), section=1, **AT))
    assert "COMMANDS" in text and "copy a place: all" in text
    assert text.index("SEE ALSO") < text.index("demo-find(1)")


def test_texts_and_keys() -> None:
    made = text_page("demo-words", "words", "One.\n\n  two", section=7, see=["demo(1)"], **AT)
    assert lint(made) == ""
    assert "two" in shown(made)
    groups = [("Store", [("keep-days", "how long")]), ("[[listener]]: places", [("name", "x")])]
    made = terms_page("demo.toml", "configuration", "Keys.", groups, section=5, see=[], **AT)
    assert lint(made) == ""
    assert "keep-days" in shown(made) and "[[LISTENER]]: PLACES" in shown(made)
