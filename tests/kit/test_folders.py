"""The first words about each folder of the kit: the examples run, and each module is listed."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from tests.parts.modules import ROOT

KIT = ROOT / "logsrv" / "kit"
FOLDERS = [KIT, *sorted(path.parent for path in KIT.glob("*/__init__.py"))]
# A program begins with these; the others serve them.
WITH_EXAMPLE = {"kit", "children", "observe", "options", "protocols", "web", "testing"}


def words_of(folder: Path) -> str:
    return ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""


def blocks_of(folder: Path) -> list[str]:
    """Return the indented blocks of a docstring, each a file `# NAME.py` or a part of the program."""
    text = words_of(folder)
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
    blocks = [textwrap.dedent(each) for each in found]
    return [part for each in blocks for part in re.split(r"\n\n(?=# )", each)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
async def test_the_example_of_a_folder_runs(folder, tmp_path, monkeypatch):
    blocks = blocks_of(folder)
    assert bool(blocks) == (folder.name in WITH_EXAMPLE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    program = []
    for block in blocks:
        if file := re.match(r"# (\w+\.py)\b", block):
            (tmp_path / file[1]).write_text(block)
        else:
            program.append(block)
    code = compile("\n".join(program), folder.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(code, {"__name__": "example"})  # noqa: S307
    if inspect.isawaitable(done):
        await done


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=lambda path: path.name)
def test_a_folder_lists_its_modules(folder):
    """One that is missing there, or stands there with an old name, misleads who looks for a place."""
    if folder.name == "testing":
        # It lists its names, as all of them are in the package itself.
        return
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    listed = set(re.findall(r"\w+", words_of(folder).partition("\nIts modules")[2]))
    assert modules <= listed
