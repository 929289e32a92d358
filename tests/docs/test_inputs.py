"""docs/inputs.md, followed by a reader with a wire format of their own."""

import os
import re
import subprocess
import sys

import pytest

from bench.echo.servers import code_lines
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.intake.intake import Intake
from tests.parts.archives import ROOT
from tests.parts.story import Story, blocks

PAGE = (ROOT / "docs" / "inputs.md").read_text()


@pytest.mark.long
@pytest.mark.nightly
def test_an_input_of_ones_own_works_as_printed(tmp_path, index):
    """From an empty folder to records in the log of a real daemon."""
    with Story(tmp_path, ports=(7000, 7001), environment=index) as reader:
        reader.follow(PAGE)


@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path):
    """Each day, as printed; the story above is followed each night."""
    for block in blocks(PAGE):
        if block.argument.endswith(".py"):
            path = tmp_path / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "tests"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=5 * PATIENCE
    )
    assert "8 passed" in done.stdout, done.stdout + done.stderr


def test_the_input_has_about_ten_lines():
    [source] = [block.body for block in blocks(PAGE) if block.argument == "records/records.py"]
    assert code_lines(source) <= 12


def test_the_page_names_what_an_intake_has():
    """Each name in the table exists, and each public name is in the table."""
    table = re.search(r"^\| `Intake`.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table is not None
    first_cells = [row.split("|")[1] for row in table[0].strip().splitlines()[2:]]
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)", cell)}
    public = {name for name in vars(Intake) if not name.startswith("_")}
    # The service and the valve call these; inputs do not.
    public -= {"apply", "flush", "pauseProducing", "resumeProducing"}
    assert public <= named
    source = (ROOT / "logsrv" / "linelog" / "intake" / "intake.py").read_text()
    for name in named:
        assert re.search(rf"(def |self\.){name}\b", source), name
