"""Each defect that users would notice is found within seconds, by a test beside its module."""

import ast
import builtins

import pytest

from tests.mutants.sabotages import SABOTAGES, SECONDS
from tests.mutants.sabotages_in_alerts_and_targets import IN_ALERTS_AND_TARGETS
from tests.mutants.sabotages_in_other_folders import IN_OTHER_FOLDERS
from tests.mutants.sabotages_in_time import IN_TIME
from tests.mutants.tree import ROOT, Tree

ALL = [*SABOTAGES, *IN_TIME, *IN_ALERTS_AND_TARGETS, *IN_OTHER_FOLDERS]


def names_without_meaning(source: str) -> set[str]:
    """Return the names that a source reads, and nothing in it binds."""
    read, bound = set[str](), {"__name__", "__file__", *dir(builtins)}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(name, ast.Load()):
                read.add(name)
            case ast.Name(name) | ast.arg(name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                bound.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
            case ast.alias(name, other):
                bound.add(other or name.partition(".")[0])
    return read - bound


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("sabotages") / "tree")


@pytest.mark.parametrize("sabotage", ALL, ids=lambda one: one.defect)
def test_the_text_that_is_changed_is_there_once_and_its_test_exists(sabotage):
    source = (ROOT / sabotage.patch.file).read_text()
    broken = sabotage.patch.applied(source)
    compile(broken, sabotage.file, "exec")
    # Otherwise its test would fail by a NameError, whatever it looks at.
    assert names_without_meaning(broken) == set()
    file, _, name = sabotage.test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text()


@pytest.mark.long
@pytest.mark.nightly
def test_without_a_sabotage_these_tests_pass_in_the_copy(tree):
    """Otherwise one that always fails there would be taken for a find."""
    status, said = tree.run(sorted({f"tests/{one.test}" for one in ALL}), 3 * SECONDS)
    assert status == 0, said[-2000:]


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.parametrize("sabotage", ALL, ids=lambda one: one.defect)
def test_a_test_finds_the_sabotage_within_seconds(sabotage, tree):
    patch = sabotage.patch
    source = (ROOT / patch.file).read_text()
    with tree.with_source(patch.file, patch.applied(source)):
        status, said = tree.run([f"tests/{sabotage.test}"], SECONDS)
    assert status == 1, said[-2000:]
    # What is left behind is an error behind the test.
    assert any(f"{how} tests/{sabotage.test}" in said for how in ("FAILED", "ERROR"))
