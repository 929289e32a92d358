"""SIGTERM and Ctrl-C during a start: the process ends by the signal, and leaves nothing behind."""

import signal
import sys

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.namespaces import first_of_its_own

# Sends the signal when a function is called, or has returned. The words of the script are removed.
SCRIPT = """
import os, signal, sys
from {module} import {owner}
original = {owner}.{name}
def signalled(*arguments, **named):
    if {before}:
        os.kill(os.getpid(), {number})
    try:
        return original(*arguments, **named)
    finally:
        if not {before}:
            os.kill(os.getpid(), {number})
{owner}.{name} = signalled
del sys.argv[1:4]
from twisted.scripts.twistd import run; run()
"""
STORE = ("logsrv.linelog.store.store", "Store", "open")
SITES = ("logsrv.kit.service.sites", "ServedSites", "bind_all")
PIDFILE = ("twisted.scripts._twistd_unix", "UnixApplicationRunner", "setupEnvironment")
RUNS = ("twisted.scripts._twistd_unix", "UnixApplicationRunner", "startReactor")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("where", "before"),
    [(PIDFILE, False), (SITES, True), (SITES, False), (STORE, True), (STORE, False), (RUNS, True)],
)
def test_a_stop_during_the_start_leaves_nothing(tmp_path, where, before, number):
    module, owner, name = where
    script = SCRIPT.format(module=module, owner=owner, name=name, before=before, number=int(number))
    pidfile, listens = tmp_path / "pid", tmp_path / "lines.sock"
    server = Logger(
        *("logsrv", "--listen", LOOPBACK, "--listen", f"unix:{listens}"),
        directory=tmp_path,
        prefix=(sys.executable, "-c", script),
        twistd=(f"--pidfile={pidfile}",),
    )
    server.start()
    assert server.wait(PATIENCE) == -number
    assert "logsrv is ready" not in server.log()
    assert not pidfile.exists() and not [*tmp_path.glob("lines.sock*")]
    assert "Traceback" not in server.log()


@pytest.mark.slow
def test_a_first_process_stops_while_it_starts(tmp_path):
    """Its status is 0, because the system does not let it end by a signal."""
    script = SCRIPT.format(
        module=STORE[0], owner=STORE[1], name=STORE[2], before=True, number=int(signal.SIGTERM)
    )
    words = ("-n", "--pidfile=", "logsrv", "--listen", LOOPBACK, "--directory", str(tmp_path / "s"))
    command = (sys.executable, "-c", script, "three", "words", "here", *words)
    with first_of_its_own(*command) as (child, _):
        assert child.stdout is not None
        printed = child.stdout.read()
        assert child.wait(PATIENCE) == 0, printed
    assert b"is ready" not in printed and b"stopped" in printed
