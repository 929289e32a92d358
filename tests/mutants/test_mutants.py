"""`make mutants` says which defects no test finds, and leaves the checkout as it is."""

from collections import Counter

import pytest

from tests.mutants import mutants
from tests.mutants.mutants import (
    changed_lines,
    look,
    main,
    places_in,
    report,
    stages_of,
)
from tests.mutants.tree import ROOT, Tree

HOSTS = "logsrv/kit/web/hosts.py"


def test_changed_lines_are_those_that_a_diff_adds():
    diff = (
        "--- a/logsrv/a.py\n+++ b/logsrv/a.py\n@@ -3,0 +4,2 @@ f\n+x\n+y\n@@ -9 +11 @@\n-a\n+b\n"
        "@@ -20,3 +22,0 @@\n-gone\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert changed_lines(diff) == {"logsrv/a.py": {4, 5, 11}}


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        (
            "logsrv/linelog/store/writing/active.py",
            [
                [
                    "tests/linelog/store/writing/test_active.py",
                    "tests/linelog/store/writing/test_active_crash.py",
                    "tests/linelog/store/writing/test_active_looks.py",
                ],
                ["tests/linelog/store/writing"],
            ],
        ),
        # The name of another file begins with that of this one.
        ("logsrv/kit/net/parse.py", [["tests/kit/net/test_parse.py"], ["tests/kit/net"]]),
        ("logsrv/errors.py", [["tests/test_errors.py"], ["tests"]]),
        ("logsrv/gopher/wire/beginnings.py", [["tests/gopher/wire"]]),
    ],
)
def test_tests_of_a_file_are_its_own_and_those_of_its_folder(file, tests):
    assert stages_of(file) == tests


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


@pytest.mark.long
@pytest.mark.nightly
def test_survivors_are_reported_with_their_diff(monkeypatch):
    places = list(places_in(HOSTS))[:3]
    monkeypatch.setattr(mutants, "survives", lambda place, tree, end: place == places[1])
    counts, survivors = look(places, 600, 2)
    assert (counts, survivors) == (Counter(killed=2, survived=1), [places[1]])
    text = report("mutants of it", counts, survivors)
    assert text.startswith(
        "## mutants of it: 2 killed, 1 survived, 0 not tried\n\n```diff\n--- logsrv"
    )
    assert "\n+" in places[1].diff and places[1].diff in text


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
    assert tree.run(tests, 60, 0.01)[0] < 0
