"""The page of options that docs/generate.py writes."""

from __future__ import annotations

import runpy
from pathlib import Path

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import INTEGER, TEXT, choice, integer
from tests.kit.options.example_settings import LoggerOptions

GENERATE = runpy.run_path(str(Path(__file__).parent.parent.parent / "docs" / "generate.py"))
accepted_texts, values_table = GENERATE["accepted_texts"], GENERATE["values_table"]


def page(settings_class: type[object]) -> str:
    text: str = GENERATE["options_reference"](
        settings_class, "logsrv", accepted_texts([settings_class])
    )
    return text


def test_each_option_has_a_row_with_its_default_and_its_help() -> None:
    rows = page(LoggerOptions).splitlines()
    assert "Its variables begin with `LOGSRV_`." in rows
    assert ("| `--rotate-size SIZE` | `256MiB` | seal the active segment at this size |") in rows
    assert "| `--raw`, `--no-raw` | off | store bytes as they came |" in rows
    assert any(row.endswith("| off | who may connect; repeatable |") for row in rows)
    assert any(row.startswith("| `--config PATH` | off |") for row in rows)


def test_each_word_for_a_value_is_explained_once() -> None:
    known = accepted_texts([LoggerOptions])
    assert known["SIZE"].startswith("a number of bytes, or one with KiB")
    assert f"| `SIZE` | {known['SIZE']} |" in values_table(known).splitlines()
    assert "a number of bytes" not in page(LoggerOptions)


def test_an_option_that_takes_something_else_says_so() -> None:
    @attrs.frozen
    class Settings:
        first: int = option(1, INTEGER, "how many")
        second: int = option(2, INTEGER, "how many more")
        few: int = option(3, integer(1, 5), "how few")

    [row] = [row for row in page(Settings).splitlines() if row.startswith("| `--few")]
    assert row.endswith("| how few; takes a whole number from 1 to 5 |")


def test_tables_of_the_file_have_their_own_section() -> None:
    text = page(LoggerOptions)
    _, section = text.split("### `[[listener]]` in the file\n")
    assert "Also, if different from the above: `allow`, `max-connections`, `max-line`" in section
    assert "| `listen` | required |" in section
    assert "--" not in section.replace("---", "")


def test_no_text_breaks_the_table() -> None:
    @attrs.frozen
    class Settings:
        mode: str = option("a", choice("a", "b"), "one | other")
        text: str = option("two\nlines", TEXT, "words")

    lines = [line for line in page(Settings).splitlines() if line.startswith("|")]
    assert {len(line.replace("\\|", "").split("|")) for line in lines} == {5}
