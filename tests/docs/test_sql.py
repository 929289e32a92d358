"""The examples of docs/sql.md give the output that the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command import logsrv
from tests.linelog.read.stores import lines, make_store

BLOCKS = re.findall(
    r"^```\n(.*?)^```$",
    (Path(__file__).parents[2] / "docs/sql.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
EXAMPLES = [block for block in BLOCKS if block.startswith("$ ")]
[LINES] = [block for block in BLOCKS if block not in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_sql_gives_the_printed_output(example: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "logs", [lines(LINES.splitlines())])
    command, _, shown = example.partition("\n")
    name, sql, *words = shlex.split(command.removeprefix("$ "))
    assert (name, sql) == ("logsrv", "sql")
    done = logsrv("sql", "--directory", str(store), *words)
    assert done.stderr == b""
    assert done.stdout.decode() == shown
