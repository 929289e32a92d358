"""Forks that run the tests lose nothing that a run prints."""

import pytest

from tests.parts.inner_runs import run

BODY = """
import os, pytest, signal
@pytest.fixture
def broken_before(): assert False
@pytest.fixture
def skipped_before(): pytest.skip("the reason")
@pytest.fixture
def broken_after():
    yield
    assert False
@pytest.fixture(scope="module")
def of_the_file():
    yield
    assert 3 == 4
@pytest.fixture(scope="session")
def of_all():
    yield
    assert 5 == 6
def test_fails(): assert 1 == 2
def test_error_before(broken_before): pass
def test_error_after(broken_after): pass
def test_skipped(skipped_before): pass
@pytest.mark.xfail
def test_expected(): assert False
def test_prints():
    print("what it has printed")
    assert False
def test_takes_all(of_all): pass
"""


@pytest.mark.slow
def test_errors_and_skips_of_every_phase_are_reported(tmp_path):
    last = "def test_last(of_the_file): pass"
    done = run(tmp_path, BODY, "--forks", "1", "--files-together", "-rA", patience=1, end=last)
    lines = done.stdout.splitlines()
    for line in (
        "FAILED test_it.py::test_fails - assert 1 == 2",
        "ERROR test_it.py::test_error_before - assert False",
        "ERROR test_it.py::test_error_after - assert False",
        "PASSED test_it.py::test_error_after",
        "XFAIL test_it.py::test_expected",
        "what it has printed",
        "ERROR test_it.py::test_last - assert 3 == 4",
        "ERROR test_it.py::test_last - assert 5 == 6",
    ):
        assert line in lines
    assert any(line.startswith("SKIPPED [1]") and "the reason" in line for line in lines)
    assert "2 failed, 4 passed, 1 skipped, 1 xfailed, 4 errors" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("together", [(), ("--files-together",)])
def test_a_worker_that_dies_fails_its_test_and_the_others_run(together, tmp_path):
    body = """
import os, signal
def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
def test_too(): os._exit(0)
"""
    done = run(tmp_path, body, "--forks", "2", *together, patience=1, others=("test_other.py",))
    for name in ("test_dies", "test_too"):
        assert f"crashed while running 'test_it.py::{name}'" in done.stdout
    assert "2 failed, 3 passed" in done.stdout


@pytest.mark.slow
def test_the_first_failure_ends_a_run_that_is_to_end_there(tmp_path):
    body = "def test_fails(): assert False\ndef test_behind(): open('ran', 'w')"
    done = run(tmp_path, body, "--forks", "1", "-x", patience=1)
    assert "1 failed, 1 passed" in done.stdout and done.returncode == 1
    assert "stopping after 1 failures" in done.stdout


@pytest.mark.slow
def test_a_worker_that_is_interrupted_ends_what_its_tests_have_begun(tmp_path):
    body = """
import os, pytest, signal
@pytest.fixture(scope="session")
def of_all():
    yield
    open("ended", "w").close()
@pytest.fixture
def of_one(of_all):
    yield
    open("one ended", "w").close()
def test_is_interrupted(of_one): os.kill(os.getpid(), signal.SIGINT)
"""
    done = run(tmp_path, body, "--forks", "1", patience=1)
    assert "1 failed, 2 passed" in done.stdout
    assert (tmp_path / "ended").exists() and (tmp_path / "one ended").exists()
