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
