"""The C library is told to keep what it has."""

import platform
import subprocess
import sys

from logsrv.memory import keep_freed_memory


def test_glibc_understands() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_glibc_understands_that_threads_take_turns() -> None:
    """By itself: it is not to be so for all other tests."""
    code = "from logsrv.memory import keep_freed_memory; print(keep_freed_memory(together=True))"
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")
