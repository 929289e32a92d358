"""The examples of docs/sql.md give the output that the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from tests.parts.commands import logsrv
from tests.parts.stores import lines, make_store

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
RECIPES = re.findall(r"^\| .* \| `(select .*)` \|$", PAGE, re.MULTILINE)
EXAMPLES = [block for block in BLOCKS if block.startswith("$ ")]
[LINES] = [block for block in BLOCKS if block not in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_sql_gives_the_printed_output(example, tmp_path):
    store = make_store(tmp_path / "logs", [lines(LINES.splitlines())])
    command, _, shown = example.partition("\n")
    name, sql, *words = shlex.split(command.removeprefix("$ "))
    assert (name, sql) == ("logsrv", "sql")
    done = logsrv("sql", "--directory", str(store), *words)
    assert done.stderr == b""
    assert done.stdout.decode() == shown


@pytest.mark.slow
def test_each_recipe_is_a_statement_that_answers(tmp_path):
    messages = [
        '{"app": "shop", "ms": 5, "level": "error", "status": 200}',
        "<38>Nov 20 06:18:42 gate sshd[77]: Failed password for root from 10.0.0.9 port 22 ssh2",
        '10.0.0.9 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 500 12 "-" "curl"',
    ]
    store = make_store(tmp_path / "logs", [lines(messages)])
    assert len(RECIPES) == 7
    for recipe in RECIPES:
        done = logsrv("sql", "--directory", str(store), "--output", "csv", recipe)
        # Lines of a fixed day are neither of the last hour nor new.
        assert done.returncode == (1 if "interval 1 " in recipe else 0), done.stderr
        assert (
            done.stdout.startswith(recipe.split()[1].split(".")[-1][:4].encode()) or "*" in recipe
        )
