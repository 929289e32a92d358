"""`logsrv tail -f` as a child process, read line by line."""

import subprocess
from pathlib import Path

from tests.parts.commands import LOGSRV
from tests.parts.waits import line_of


class Following:
    def __init__(self, store: Path, *words: str) -> None:
        self.child = subprocess.Popen(
            [*LOGSRV, "tail", "--directory", str(store), "-f", "--output", "raw", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def line(self) -> bytes:
        assert self.child.stdout is not None
        return line_of(self.child.stdout)
