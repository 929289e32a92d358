"""SIGTERM to a Python that is the first process of a container, before the server has a handler."""

import os
import signal
import sys
from pathlib import Path

import pytest

from logsrv import first_process
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.namespaces import first_of_its_own
from tests.parts.waits import line_of

ROOT = Path(__file__).parent.parent
# Python runs such a file before the program; here it is not in an installation, so the program asks for it.
PACKAGED = f"import site; site.addsitedir({str(ROOT / 'packaging')!r})\n"
# Stands for the imports of a server.
LONG = "import time\nprint('imports', flush=True)\ntime.sleep(1000)\n"


@pytest.mark.parametrize(
    "handled", [PACKAGED, "from logsrv import first_process; first_process.end_at_stop()\n"]
)
def test_the_first_process_ends_at_once_while_it_imports(handled):
    """By default it ignores SIGTERM, so `podman stop` waited for ten seconds and killed it."""
    with first_of_its_own(sys.executable, "-c", handled + LONG) as (child, number):
        assert child.stdout is not None and line_of(child.stdout) == b"imports\n"
        os.kill(number, signal.SIGTERM)
        assert child.wait(PATIENCE) == 128 + signal.SIGTERM


def test_another_process_keeps_what_the_system_does():
    """systemd takes an end by SIGTERM for a clean one."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        first_process.end_at_stop()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_is_there_stays(monkeypatch):
    def own(*_: object) -> None:
        pass

    monkeypatch.setattr(os, "getpid", lambda: 1)
    before = signal.signal(signal.SIGTERM, own)
    try:
        first_process.end_at_stop()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
