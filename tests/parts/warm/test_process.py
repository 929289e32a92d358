"""A child of the server is what a process of its own is."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing import TWISTD
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.warm.process import COLD, LOGSRV, popen

PIPES: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
# A program that twistd runs while it reads its configuration.
LOOK = """
import json, os, random, signal, sys, threading, warnings
files = sorted(os.listdir("/proc/self/fd"))
numbers = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
print(json.dumps({
    "directory": os.getcwd(), "environment": dict(os.environ), "files": files,
    "words": sys.argv, "path": sys.path, "filters": repr(warnings.filters),
    "signals": [repr(signal.getsignal(number)) for number in numbers],
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "umask": os.umask(0o22), "threads": threading.active_count(), "group": os.getpgid(0),
    "streams": [(one.encoding, one.errors, one.line_buffering) for one in
                (sys.stdin, sys.stdout, sys.stderr)],
    "chance": random.random(),
}))
"""


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all others are to have processes of their own."""
    monkeypatch.delenv(COLD, raising=False)


def twistd(directory: Path, code: str, *, cold: bool = False) -> subprocess.Popen[bytes]:
    """Start a twistd that runs the code."""
    (directory / "a.tac").write_text(code)
    environment = {**os.environ, "OF_THE_TEST": "1", **({COLD: "1"} if cold else {})}
    words = ("-n", "--pidfile=", "-o", "-y", "a.tac")
    return popen([*TWISTD, *words], cwd=directory, env=environment, **PIPES)


@pytest.mark.slow
def test_all_that_it_sees_is_the_same(tmp_path):
    found = []
    for cold in (False, False, True):
        process = twistd(tmp_path, f"{LOOK}raise SystemExit(7)", cold=cold)
        assert isinstance(process, subprocess.Popen) is cold
        found.append(json.loads(process.communicate(timeout=PATIENCE)[0]))
        assert process.returncode == 7
    assert len({one.pop("chance") for one in found}) == 3
    assert found[2]["environment"].pop(COLD) == "1"
    assert found[0] == found[1] == found[2]


LEAVES = "import atexit, socket, subprocess, sys\natexit.register(print, 'the end')\n"


@pytest.mark.parametrize("cold", [False, True])
def test_what_it_leaves_open_is_told_at_its_end(tmp_path, cold):
    left = f"{LEAVES}left = socket.socket()\nraise SystemExit('failed')"
    process = twistd(tmp_path, left, cold=cold)
    output, errors = process.communicate(timeout=PATIENCE)
    assert output == b"the end\n"
    assert b"failed" in errors and b"ResourceWarning: unclosed <socket" in errors
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("socket.socket()", b"ResourceWarning: unclosed <socket"),
        ("open('a.tac')", b"ResourceWarning: unclosed file <"),
        ("subprocess.Popen('cat', stdin=subprocess.PIPE)", b"is still running"),
    ],
)
def test_what_a_module_keeps_open_is_told_at_its_end(tmp_path, left, told):
    process = twistd(tmp_path, f"{LEAVES}socket.left = {left}\nraise SystemExit('failed')")
    output, errors = process.communicate(timeout=PATIENCE)
    assert output == b"the end\n"
    assert b"failed" in errors and told in errors
    assert process.returncode == 1


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("status", ["None", "3", "-1", "256", "'failed'"])
def test_its_buffered_text_is_written_at_its_end(tmp_path, status, cold):
    text = "import socket\nsocket.text = open('text', 'w')\nsocket.text.write('buffered')\n"
    code = f"{text}raise SystemExit({status})"
    process = twistd(tmp_path, code, cold=cold)
    process.communicate(timeout=PATIENCE)
    assert (tmp_path / "text").read_text() == "buffered"
    expected = {"None": 0, "3": 3, "-1": 255, "256": 0, "'failed'": 1}
    assert process.returncode == expected[status]


@pytest.mark.parametrize(
    "how",
    [
        {"env": {**os.environ, "PYTHONPATH": "/nowhere"}},
        {"env": {**os.environ, COLD: "1"}},
        {"preexec_fn": os.getpid},
        {"pass_fds": (0,)},
    ],
)
def test_what_makes_a_difference_takes_a_process_of_its_own(how):
    with popen([*LOGSRV, "--version"], stdout=subprocess.PIPE, **how) as process:
        assert isinstance(process, subprocess.Popen)
        assert process.stdout and process.stdout.read().startswith(b"logsrv ")


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("then", ["signal.pause()", "raise SystemExit"])
def test_a_wait_for_its_output_has_an_end(tmp_path, then, cold):
    """It goes on, or its own child still has its output; another wait gets all of that."""
    os.mkfifo(tmp_path / "queue")
    code = f"import signal, subprocess\nchild = subprocess.Popen(['cat', 'queue'])\n{then}"
    process = twistd(tmp_path, code, cold=cold)
    # Opened as soon as the child reads.
    with (tmp_path / "queue").open("w") as queue:
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.1)
        process.kill()
        queue.write("the end")
    assert process.communicate(timeout=PATIENCE)[0] == b"the end"
