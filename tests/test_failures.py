"""In a run of pytest a test is named as it fails, before the others have run."""

import pytest

from tests.parts.inner_runs import CONFTEST, run

NAMES = CONFTEST.replace("hangs import Alarm", "failures import FailuresAtOnce").replace(
    "Alarm()", "FailuresAtOnce(config)"
)
BODY = """
import pytest
@pytest.fixture
def broken():
    yield
    assert False
def test_fails(): assert False
def test_ends_wrong(broken): pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("forks", [(), ("--forks", "1")])
def test_a_test_is_named_as_it_fails(forks, tmp_path):
    done = run(tmp_path, BODY, "-vv", *forks, patience=1, conftest=NAMES)
    lines = done.stdout.splitlines()
    named = [line for line in lines if line.startswith("failed: ")]
    assert named == ["failed: test_it.py::test_fails", "failed: test_it.py::test_ends_wrong"]
    assert lines[lines.index(named[0]) + 1] == "  assert False"
    [later] = [line for line in lines if "test_after" in line and "PASSED" in line]
    assert lines.index(named[-1]) < lines.index(later)


@pytest.mark.slow
@pytest.mark.parametrize("forks", [(), ("--forks", "1")])
def test_a_file_that_cannot_be_collected_is_named(forks, tmp_path):
    done = run(tmp_path, "import nothing_of_this_name", *forks, patience=1, conftest=NAMES)
    assert "failed: test_it.py" in done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("forks", [(), ("--forks", "1")])
def test_a_failure_is_printed_while_the_others_run(forks, tmp_path):
    run_by = "getppid" if forks else "getpid"
    body = f"""
import signal
def test_fails(): assert False
def test_kills_the_run(): os.kill(os.{run_by}(), signal.SIGKILL)
"""
    done = run(tmp_path, body, *forks, patience=1, conftest=NAMES)
    assert "failed: test_it.py::test_fails" in done.stdout.splitlines()
