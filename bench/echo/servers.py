"""The servers of examples/echo/: how each is started, and how much code it is."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from bench.servers import TWISTD

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "echo"
# What makes the example a plugin of twistd, instead of `logsrv run`.
PLUGIN = """\
from logsrv.kit import protocol_plugin

echo = protocol_plugin("echo", "with_the_kit:Echo")
"""


@attrs.frozen
class EchoServer:
    """One of the seven. file: in examples/echo/. takes: what stands on its command line."""

    name: str
    file: str
    takes: str = "PORT"

    @property
    def path(self) -> Path:
        return EXAMPLES / self.file

    @property
    def lines(self) -> int:
        """Lines with code in them: no blank ones, no docstring."""
        return code_lines(self.path.read_text())

    def command(self, port: int, *options: str, endpoint: str = "") -> list[str]:
        """How to start it at a port of 127.0.0.1.

        endpoint: where else, for the two that take one. options: for the kit.
        """
        endpoint = endpoint or f"tcp:{port}:interface=127.0.0.1"
        if self.takes == "OPTIONS":
            return [*TWISTD, "-n", "--pidfile=", "echo", "--listen", endpoint, *options]
        where = endpoint if self.takes == "ENDPOINT" else str(port)
        return [sys.executable, "-P", str(self.path), where]

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Prepares `folder`, an empty one, for it to run there; what its environment needs."""
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
"""In the order of the table."""


def code_lines(source: str) -> int:
    """How many lines have code in them: no blank ones, no comments, no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            prose |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in prose
        for number, line in enumerate(source.splitlines(), 1)
    )
