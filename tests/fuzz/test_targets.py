"""Every parser has a fuzz target, and every target passes with its corpus."""

import ast
import os
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.fuzz.engine import CORPUS, LONGEST_KEPT, MOST_KEPT, by_hypothesis
from tests.fuzz.every import EVERY
from tests.fuzz.without import WITHOUT
from tests.parts.modules import MODULES, ROOT

# A public function or method of such a name that takes bytes or text is the entry of a parser.
ENTRY = re.compile(r"(feed|received?|split|inflat(ed|ing)|parsed?|unpack(ed)?|decoded?)(_\w+)?")
IN_CI = os.environ.get("CI") == "true"
OUTSIDE = re.compile(r"\b(bytes|str|Buffer|memoryview|BinaryIO)\b")


def entries(body: list[ast.stmt]) -> list[str]:
    """Return the names of the entries of a module or class."""
    found = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            found += entries(node.body)
        elif isinstance(node, ast.FunctionDef) and ENTRY.fullmatch(node.name):
            taken = [one for one in node.args.args if one.arg not in ("self", "cls")]
            if taken and taken[0].annotation is not None:
                found += [node.name] * bool(OUTSIDE.search(ast.unparse(taken[0].annotation)))
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "logsrv").with_suffix("").parts)


@pytest.mark.slow
def test_every_parser_has_a_target():
    """A new parser needs a target, or a reason in tests/fuzz/without.py; remove a reason that is over."""
    parsers = {module_of(path) for path in MODULES if entries(ast.parse(path.read_text()).body)}
    covered = {module for target in EVERY.values() for module in target.modules}
    assert parsers - covered - set(WITHOUT) == set()
    assert set(WITHOUT) - parsers == set()
    assert set(WITHOUT) & covered == set()
    assert covered <= {module_of(path) for path in MODULES}


@pytest.mark.parametrize("name", EVERY)
def test_a_target_passes_with_its_corpus(name):
    """Defects that were found before do not come back, and the target runs the modules that it names."""
    target = EVERY[name]
    files = sorted((CORPUS / name).iterdir())
    entered: set[str] = set()

    def call(frame: FrameType, event: str, argument: Any) -> None:
        entered.add(frame.f_code.co_filename)

    before = sys.gettrace()
    for file in files:
        data = file.read_bytes()
        sys.settrace(call)
        try:
            target.run(data)
        finally:
            sys.settrace(before)
    paths = {str(ROOT / "logsrv" / f"{module.replace('.', '/')}.py") for module in target.modules}
    assert paths <= entered


def test_the_corpus_stays_small():
    """The corpus is in every clone, and read in every run of the tests."""
    assert {folder.name for folder in CORPUS.iterdir()} == set(EVERY)
    sizes = {name: [file.stat().st_size for file in (CORPUS / name).iterdir()] for name in EVERY}
    assert sum(map(sum, sizes.values())) < 500_000
    assert [name for name, some in sizes.items() if sum(some) > 2 * MOST_KEPT or not some] == []
    assert max(map(max, sizes.values())) <= 2 * LONGEST_KEPT


@pytest.mark.parametrize("name", EVERY)
def test_a_target_passes_with_a_few_new_inputs(name, tmp_path):
    """Each target is tried with 25 changed inputs of its corpus, by Hypothesis; `make fuzz` does more.

    CI uses the same inputs each time, so that a push only fails for a defect that it brings.
    """
    by_hypothesis(name, 0.05, tmp_path, at_once=25, begun=0 if IN_CI else None)
