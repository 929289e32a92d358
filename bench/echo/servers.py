"""The servers of examples/echo/: their commands, and their lines of code."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from bench.servers import TWISTD

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "echo"
# Makes the example a plugin of twistd; `logsrv run` would not need it.
PLUGIN = """\
from logsrv.kit import protocol_plugin

echo = protocol_plugin("echo", "with_the_kit:Echo")
"""


@attrs.frozen
class EchoServer:
    """One of the seven servers. file: in examples/echo/. takes: its argument: PORT, ENDPOINT or OPTIONS."""

    name: str
    file: str
    takes: str = "PORT"

    @property
    def path(self) -> Path:
        return EXAMPLES / self.file

    @property
    def lines(self) -> int:
        """Return its lines of code."""
        return code_lines(self.path.read_text())

    def command(self, port: int, *options: str, endpoint: str = "") -> list[str]:
        """Return the command that starts it at a port of 127.0.0.1.

        endpoint: instead of that port, for the two that take one. options: for the kit.
        """
        endpoint = endpoint or f"tcp:{port}:interface=127.0.0.1"
        if self.takes == "OPTIONS":
            return [*TWISTD, "-n", "--pidfile=", "echo", "--listen", endpoint, *options]
        where = endpoint if self.takes == "ENDPOINT" else str(port)
        return [sys.executable, "-P", str(self.path), where]

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Prepare an empty `folder` for it to run in; return the variables to add to its environment."""
        if self.takes != "OPTIONS":
            return {}
        plugins = folder / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "echo_plugin.py").write_text(PLUGIN)
        known = [word for word in os.environ.get("PYTHONPATH", "").split(os.pathsep) if word]
        return {"PYTHONPATH": os.pathsep.join([str(folder), str(self.path.parent), *known])}


SERVERS = (
    EchoServer("socket", "one_at_a_time.py"),
    EchoServer("threads", "threads.py"),
    EchoServer("forks", "forks.py"),
    EchoServer("select", "selecting.py"),
    EchoServer("asyncio", "asyncio_streams.py"),
    EchoServer("Twisted", "plain_twisted.py", "ENDPOINT"),
    EchoServer("kit", "with_the_kit.py", "OPTIONS"),
)
"""The servers in the order of the table."""


def code_lines(source: str) -> int:
    """Return the number of lines with code: no blank ones, no comments, no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            prose |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in prose
        for number, line in enumerate(source.splitlines(), 1)
    )
