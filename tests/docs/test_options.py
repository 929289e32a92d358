"""The page of options that docs/generate.py writes; tests/test_documents.py compares it with docs/."""

import runpy

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import INTEGER, TEXT, choice, integer
from tests.parts.archives import ROOT

GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))


@attrs.frozen
class Settings:
    mode: str = option("a", choice("a", "b"), "one | other")
    text: str = option("two\nlines", TEXT, "words")
    first: int = option(1, INTEGER, "how many")
    second: int = option(2, INTEGER, "how many more")
    few: int = option(3, integer(1, 5), "how few")


def test_each_option_has_a_row_that_no_text_breaks():
    accepted = GENERATE["accepted_texts"]([Settings])
    page = GENERATE["options_reference"](Settings, "logsrv", accepted)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(row.replace("\\|", "").split("|")) for row in rows} == {5}
    [row] = [row for row in rows if row.startswith("| `--few")]
    assert row.endswith("| how few; takes a whole number from 1 to 5 |")


@attrs.frozen
class Louder(Settings):
    few: int = option(4, integer(1, 5), "how few")


@attrs.frozen
class Short:
    mode: str = option("a", choice("a", "b"), "one | other")


def test_what_most_plugins_have_is_told_once_and_what_differs_with_the_plugin():
    common = GENERATE["common_rows"]([Settings, Louder, Short], {})
    assert set(common) == {"config", "mode", "text", "first", "second"}
    page = GENERATE["options_reference"](Louder, "louder", {}, common)
    assert [line.split()[1] for line in page.splitlines() if line.startswith("| `")] == ["`--few"]
    page = GENERATE["options_reference"](Short, "short", {}, common)
    assert "This plugin does not have `--text`, `--first`, `--second`." in page
