"""A run of pytest in which a test leaves something: it fails and says what, the others pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.test_hangs import ROOT, has_ended, run

# A package of others may be named tests too.
CONFTEST = f"""
import sys, types
sys.modules["tests"] = tests = types.ModuleType("tests")
tests.__path__ = [{str(ROOT / "tests")!r}]
sys.path.insert(0, {str(ROOT)!r})
from tests import leaks
leaks.FOLDERS = ""

def pytest_configure(config): config.pluginmanager.register(leaks)
"""
OPENED = "os.open('file', os.O_RDWR | os.O_CREAT)"
SLEEPER = "[sys.executable, '-c', 'import signal; signal.pause()']"
LEAVES = {
    f"left = {OPENED}": r"descriptor \d+: .*/file\n",
    "threading.Thread(None, threading.Event().wait, 'worker', daemon=True).start()": "thread worker\n",
    f"Path('pid').write_text(str(subprocess.Popen({SLEEPER}).pid))": r"child \d+: .*signal\.pause\(\)\n",
    "Path('pid').write_text(str(os.posix_spawn('/bin/true', ['true'], {})))": (
        r"child \d+: has ended, nobody waited for it\n"
    ),
    # A daemon of the warm server is no child: its descriptor stands for it.
    "from tests.warm.process import LOGSRV, popen; left = popen([*LOGSRV, 'run', '--help'], stdout=-3)": (
        r"descriptor \d+: (pipe:.*|anon_inode:\[pidfd\])\n"
    ),
}
FINE = {
    "garbage": "one = []; one.append((one, open('/dev/null')))",
    "closed": f"os.close({OPENED})",
    "joined": "one = threading.Thread(target=print); one.start(); one.join()",
    "waited for": f"one = subprocess.Popen({SLEEPER}); one.kill(); one.wait()",
    "a descriptor of before": f"os.dup2(left := {OPENED}, left + 1); os.close(left); os.close(left + 1)",
}


def ran(directory: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a test with this body between two others."""
    body = f"def test_it(): {body}"
    return run(directory, body, "-W", "ignore", patience=0.01, conftest=CONFTEST)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only /proc lists descriptors and children")
@pytest.mark.parametrize(("body", "said"), LEAVES.items())
def test_what_a_test_leaves_is_named(body: str, said: str, tmp_path: Path) -> None:
    done = ran(tmp_path, body)
    assert re.search(f"the test leaves\n{said}", done.stdout), done.stdout
    assert "3 passed, 1 error" in done.stdout
    if (tmp_path / "pid").exists():
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: has_ended(pid), "the end of the child")


@pytest.mark.slow
@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_what_is_closed_or_garbage_is_not_left(body: str, tmp_path: Path) -> None:
    assert "3 passed" in ran(tmp_path, body).stdout
