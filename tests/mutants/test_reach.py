"""The tests that a mutant is tried on are those that may notice it, the nearest first."""

import pytest

from tests.mutants.reach import files_for, kind_of

ACTIVE = "logsrv/linelog/store/active.py"
STORE = "tests/linelog/store"


def test_the_tests_of_a_file_are_those_with_its_name():
    own, beside = files_for("own", ACTIVE), files_for("folder", ACTIVE)
    assert own[0] == f"{STORE}/test_active.py"
    assert all(test.startswith(f"{STORE}/test_active") for test in own)
    assert f"{STORE}/test_writer.py" in beside and not set(own) & set(beside)
    # The name of another file begins with that of this one.
    assert files_for("own", "logsrv/kit/net/parse.py") == ["tests/kit/net/test_parse.py"]
    assert files_for("own", "logsrv/gopher/wire/errors.py") == []


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (f"{STORE}/test_writer.py", "folder"),
        ("tests/linelog/read/test_view.py", "elsewhere"),
        ("tests/linelog/commands/test_search_command.py", "commands"),
        ("tests/linelog/sql/test_sql_command.py", "commands"),
        ("tests/end_to_end/test_killed.py", "end to end"),
        ("tests/end_to_end/test_live_page.py", "browser"),
        ("tests/powercut/test_states.py", "power cuts"),
        ("tests/fuzz/test_targets.py", "fuzz"),
    ],
)
def test_the_kind_of_a_test_follows_from_its_folder(test, kind):
    assert kind_of(test, ACTIVE) == kind


@pytest.mark.long
@pytest.mark.nightly
def test_late_tests_reach_the_source_by_imports_or_by_a_daemon():
    assert "tests/powercut/test_states.py" in files_for("power cuts", ACTIVE)
    assert files_for("power cuts", "logsrv/gopher/wire/url.py") == []
    assert "tests/linelog/importing/test_writer.py" in files_for("elsewhere", ACTIVE)
    shipping = "logsrv/linelog/ship/ship_child.py"
    assert files_for("end to end", shipping)[0].startswith("tests/end_to_end/test_ship")
