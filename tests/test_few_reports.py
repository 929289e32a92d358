"""Workers of xdist that send fewer reports lose nothing that a run prints."""

import pytest

from tests.parts.inner_runs import CONFTEST, run

BOTH = CONFTEST.replace("from tests.hangs import Alarm", "from tests import few_reports").replace(
    "Alarm()", "few_reports"
)
BODY = """
import pytest
@pytest.fixture
def broken_before(): assert False
@pytest.fixture
def skipped_before(): pytest.skip("the reason")
@pytest.fixture
def broken_after():
    yield
    assert False
def test_fails(): assert 1 == 2
def test_error_before(broken_before): pass
def test_error_after(broken_after): pass
def test_skipped(skipped_before): pass
@pytest.mark.xfail
def test_expected(): assert False
"""


@pytest.mark.slow
def test_errors_and_skips_of_every_phase_are_reported(tmp_path):
    done = run(tmp_path, BODY, "-n", "1", "-rA", patience=1, conftest=BOTH)
    lines = done.stdout.splitlines()
    for line in (
        "FAILED test_it.py::test_fails - assert 1 == 2",
        "ERROR test_it.py::test_error_before - assert False",
        "ERROR test_it.py::test_error_after - assert False",
        "PASSED test_it.py::test_error_after",
        "XFAIL test_it.py::test_expected",
    ):
        assert line in lines
    assert any(line.startswith("SKIPPED [1]") and "the reason" in line for line in lines)
