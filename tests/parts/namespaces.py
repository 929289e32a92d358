"""Processes in a namespace of their own."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import missing, program


@contextlib.contextmanager
def first_of_its_own(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Number 1 of a namespace of its own: unshare, which ends with its status, and its id here."""
    apart = [program("unshare", "util-linux"), "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        apart += ["--user", "--map-root-user"]
    if subprocess.run([*apart, "true"], capture_output=True, timeout=PATIENCE).returncode:
        missing("no namespace of processes can be made here")
    child = subprocess.Popen([*apart, *words], stdout=subprocess.PIPE)
    listed = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    try:
        wait_until(lambda: bool(listed.read_text()), "the first process")
        yield child, int(listed.read_text())
    finally:
        child.kill()
        assert child.stdout is not None
        child.stdout.close()
        child.wait(PATIENCE)
