"""The pytest fixtures, as a plugin author has them: in a project of their own, in a run of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = {
    "shout.py": """
from logsrv.kit import LineProtocol

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
""",
    "test_shout.py": """
import pytest_twisted
from shout import Shout

pytest_plugins = ["logsrv.kit.testing.fixtures"]

def test_in_memory(in_memory):
    assert in_memory(Shout).answer(b"a\\r\\n") == b"A\\r\\n"

@pytest_twisted.ensureDeferred
async def test_serving(serving):
    running = serving(Shout)
    await running.converse(lambda session: (session.send("a"), session.expect("A")))

def test_twistd(twistd):
    assert twistd("greet", "--listen", "tcp:0:interface=127.0.0.1").port()
""",
}


def test_in_a_project_of_its_own(tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--reactor=default", "-W", "error"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "3 passed" in run.stdout, run.stdout


def test_loading_the_plugin_loads_no_reactor() -> None:
    """Whoever lists it and uses no fixture is not made to use Twisted."""
    code = (
        "import sys, logsrv.kit.testing.fixtures\n"
        "modules = ('twisted.internet.reactor', 'logsrv.kit.service.protocol_service')\n"
        "print([name for name in modules if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
