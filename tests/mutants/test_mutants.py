"""`make mutants` says which defects no test finds, and leaves the checkout as it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mutants import baseline, mutants
from tests.mutants.mutants import changed_lines, look, main, places_in
from tests.mutants.reach import KINDS
from tests.mutants.tree import ROOT, TIMES_OUT, Tree


def test_changed_lines_are_those_that_a_diff_adds():
    diff = (
        "--- a/logsrv/a.py\n+++ b/logsrv/a.py\n@@ -3,0 +4,2 @@ f\n+x\n+y\n@@ -9 +11 @@\n-a\n+b\n"
        "@@ -20,3 +22,0 @@\n-gone\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert changed_lines(diff) == {"logsrv/a.py": {4, 5, 11}}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--since", "no-such-revision"], "there is no revision no-such-revision"),
        (["--random", "0"], "--random is 0; it is at least 1"),
        (["README.md"], "README.md is no source of logsrv"),
        (["logsrv/nothing.py"], "logsrv/nothing.py is no source of logsrv"),
    ],
)
def test_nothing_to_break_is_an_error(arguments, why, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert why in capsys.readouterr().err


class TreeOfOneTest(Tree):
    """A copy in which only tests of one kind fail, if a mutant is there."""

    killing = KINDS["long"]

    def __init__(self, into: Path) -> None:
        self._broken = False

    @contextmanager
    def with_source(self, file: str, source: str) -> Iterator[None]:
        self._broken = True
        yield
        self._broken = False

    def run(
        self, tests: Sequence[str], seconds: float, *options: str, longest: float | None = None
    ) -> tuple[int, str]:
        if self._broken and self.killing in options:
            return 1, "FAILED status"
        return 0, "tests/test_a.py::x PASSED 1.0s\n"


@pytest.fixture
def one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TreeOfOneTest, "killing", KINDS["long"])
    monkeypatch.setattr(mutants, "Tree", TreeOfOneTest)
    monkeypatch.setattr(baseline, "files_for", lambda kind, source: ["tests/test_a.py"])


@pytest.mark.parametrize(
    ("late", "tried", "kills"), [(0, ["own", "folder"], []), (9, [*KINDS], ["long"])]
)
def test_a_surviving_mutant_is_tried_on_the_other_kinds(late, tried, kills, one_test):
    places = list(places_in("logsrv/kit/web/access.py"))[:2]
    outcomes, left_out = look(places, 600, 2, late, every=False)
    assert [one.place for one in outcomes] == places and left_out == []
    assert [(one.tried, [*one.kills]) for one in outcomes] == 2 * [(tried, kills)]


@pytest.mark.parametrize(("every", "tried"), [(False, ["own"]), (True, ["own", "folder"])])
def test_a_killed_mutant_is_tried_on_the_other_quick_kind_only_with_every(
    every, tried, one_test, monkeypatch
):
    monkeypatch.setattr(TreeOfOneTest, "killing", KINDS["own"])
    [outcome], _ = look([next(places_in("logsrv/kit/web/access.py"))], 600, 1, 0, every)
    assert outcome.tried == [*outcome.kills] == tried


@pytest.mark.long
@pytest.mark.nightly
def test_a_mutant_is_in_a_copy_and_only_for_a_while(tmp_path):
    tree = Tree(tmp_path / "tree")
    file, tests = "logsrv/greet/message.py", ["tests/greet/test_message.py"]
    source = (ROOT / file).read_text()
    assert tree.run(tests, 60)[0] == 0
    with tree.with_source(file, "1 / 0\n"):
        assert tree.run(tests, 60)[0] not in (0, 5)
        assert (ROOT / file).read_text() == source
    assert (tree.path / file).read_text() == source
    assert tree.run(tests, 60, longest=0.01)[0] in TIMES_OUT
