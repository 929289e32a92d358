"""The reference page."""

from __future__ import annotations

import attrs

from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import TEXT, choice
from logsrv.kit.options.reference import reference
from tests.kit.options.example_settings import LoggerOptions


def test_each_option_has_a_row_with_all_its_names_and_what_it_takes() -> None:
    rows = reference(LoggerOptions, "logsrv").splitlines()
    assert (
        "| `--rotate-size SIZE` | `LOGSRV_ROTATE_SIZE` | `rotate-size` | a number of bytes, or one "
        "with KiB, MiB, GiB or TiB, such as 256MiB | `256MiB` | seal the active segment at this "
        "size |"
    ) in rows
    assert (
        "| `--raw`, `--no-raw` | `LOGSRV_RAW` | `raw` | true, yes, on or 1; false, no, off or 0 "
        "| off | store bytes as they came |"
    ) in rows
    assert any("or off; repeatable | off | who may connect |" in row for row in rows)
    assert any(row.startswith("| `--config PATH` | `LOGSRV_CONFIG` |  |") for row in rows)


def test_tables_of_the_file_have_their_own_section() -> None:
    text = reference(LoggerOptions, "logsrv")
    _, section = text.split("### `[[listener]]` in the file\n")
    assert "| `max-line` | a number of bytes" in section
    assert "| that of `max-line` above |" in section
    assert "| `listen` | an endpoint" in section
    assert "| required |" in section
    assert "--" not in section.replace("---", "")


def test_no_text_breaks_the_table() -> None:
    @attrs.frozen
    class Settings:
        mode: str = option("a", choice("a", "b"), "one | other")
        text: str = option("two\nlines", TEXT, "words")

    lines = reference(Settings, "x").splitlines()
    assert {len(line.replace("\\|", "").split("|")) for line in lines} == {8}
