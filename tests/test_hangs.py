"""In a run of pytest a test that hangs fails, and the others pass."""

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.inner_runs import has_ended, run

# The program that it starts writes its process id, and waits for ever.
CHILD = (
    "subprocess.Popen([sys.executable, '-c', 'import os, signal;"
    ' open("pid", "w").write(str(os.getpid())); signal.pause()\'])'
)


# PyDLL keeps the interpreter's lock, so no signal ends this wait.
C_LOCK = (
    "lock = ctypes.PyDLL(None).pthread_mutex_lock;"
    " held = ctypes.create_string_buffer(64); lock(held); lock(held)"
)
HANGS = {
    "a lock": "threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a child": f"child = {CHILD}; child.wait()",
    "a Deferred": "from twisted.internet.defer import Deferred; return Deferred()",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HANGS)
def test_a_test_that_hangs_is_ended_and_the_rest_goes_on(what, tmp_path):
    done = run(tmp_path, f"def test_hangs(): {HANGS[what]}", patience=0.02)
    said = "the test test_it.py::test_hangs hangs: no end after 1.8 s"
    assert said in done.stdout
    assert f"{said}; the stacks of its threads:" in done.stderr
    assert "most recent call first" in done.stderr
    assert "1 failed, 2 passed" in done.stdout
    if what == "a child":
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: has_ended(pid), "the end of the child")


@pytest.mark.slow
def test_a_test_may_say_how_long_it_takes(tmp_path):
    body = f"import pytest\n@pytest.mark.minutes(2)\ndef test_hangs(): {HANGS['a lock']}"
    done = run(tmp_path, body, patience=0.02)
    assert "no end after 2.4 s" in done.stdout and "1 failed, 2 passed" in done.stdout


@pytest.mark.slow
def test_a_test_that_hangs_in_c_ends_its_worker_and_the_rest_goes_on(tmp_path):
    body = f"def test_hangs(): child = {CHILD}; {C_LOCK}"
    done = run(tmp_path, body, "--forks", "1", patience=0.02)
    assert "Timeout (0:00:02.7" in done.stderr
    assert "crashed while running 'test_it.py::test_hangs'" in done.stdout
    assert "1 failed, 2 passed" in done.stdout
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: has_ended(pid), "the end of the child")


@pytest.mark.slow
@pytest.mark.parametrize("forks", [(), ("--forks", "1")])
def test_a_module_that_hangs_at_its_import_is_an_error_of_it_alone(forks, tmp_path):
    done = run(tmp_path, HANGS["a lock"], *forks, patience=0.05, others=("test_other.py",))
    assert "ERROR collecting test_it.py" in done.stdout
    assert "the import of a test module hangs: no end after 3 s" in done.stdout
    assert "most recent call first" in done.stderr and "test_it.py" in done.stderr
    assert "1 error" in done.stdout and done.returncode != 0
