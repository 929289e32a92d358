"""A run of pytest in which a test leaves something: it fails and says what, the others pass."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.kit.testing import wait_until
from tests import leaks
from tests.parts.inner_runs import ROOT, has_ended, run

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
    "from twisted.internet import reactor; from logsrv.kit.text.escape import one_line;"
    " reactor.callLater(60, one_line, 'x')": "timer one_line\n",
    "from twisted.internet.task import LoopingCall; from twisted.internet import reactor;"
    " from logsrv.kit.text.escape import one_line;"
    " LoopingCall(one_line, 'x').start(60)": "timer one_line\n",
    "from twisted.internet.task import deferLater; from twisted.internet import reactor;"
    " left = deferLater(reactor, 60)": r"timer Deferred\.callback\n",
    "from twisted.internet.defer import Deferred; from twisted.internet import reactor;"
    " left = Deferred().addTimeout(60, reactor)": (
        r"timer Deferred\.addTimeout\.<locals>\.timeItOut\n"
    ),
    "Path('pid').write_text(str(os.posix_spawn('/bin/true', ['true'], {})))": (
        r"child \d+: has ended, nobody waited for it\n"
    ),
    # A daemon of the warm server is no child: its descriptor stands for it.
    "from tests.parts.warm import process as warm;"
    " left = warm.popen([*warm.LOGSRV, 'run', '--help'], stdout=-3)": (
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


def ran(directory: Path, bodies: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests with these bodies, each behind another that leaves nothing."""
    tests = (
        f"def test_{number}(): {body}\ndef test_behind_{number}(): pass\n"
        for number, body in enumerate(bodies)
    )
    return run(directory, "".join(tests), "-W", "ignore", patience=0.01, conftest=CONFTEST)


def test_each_folder_that_is_held_to_it_is_there():
    assert [one for one in leaks.FOLDERS if not Path(one).is_dir()] == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only /proc lists descriptors and children")
def test_what_a_test_leaves_is_named(tmp_path):
    bodies = [
        body.replace("'pid'", f"'{number}.pid'").replace("'file'", f"'{number}.file'")
        for number, body in enumerate(LEAVES)
    ]
    printed = ran(tmp_path, bodies).stdout
    for number, said in enumerate(LEAVES.values()):
        said = said.replace("/file", rf"/{number}\.file")
        left = rf"ERROR at teardown of test_{number} _+\nthe test leaves\n{said}"
        assert re.search(left, printed), printed
    assert f"{2 + 2 * len(LEAVES)} passed, {len(LEAVES)} errors" in printed
    for file in tmp_path.glob("*.pid"):
        pid = int(file.read_text())
        wait_until(lambda: has_ended(pid), "the end of the child")  # noqa: B023


@pytest.mark.slow
def test_what_is_closed_or_garbage_is_not_left(tmp_path):
    printed = ran(tmp_path, FINE.values()).stdout
    assert f"{2 + 2 * len(FINE)} passed" in printed and "error" not in printed, printed


def test_a_command_that_a_test_calls_leaves_the_priority_of_this_process(tmp_path):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    main(["doctor", str(tmp_path)])
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
