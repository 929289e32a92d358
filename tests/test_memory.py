"""The C library is told to keep freed memory."""

import platform
import subprocess
import sys

from logsrv.kit.testing.patience import PATIENCE
from logsrv.memory import keep_freed_memory


def test_glibc_accepts_the_setting_to_keep_freed_memory():
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_glibc_accepts_the_setting_for_threads_that_take_turns():
    """In a process of its own: the setting must not apply to the other tests."""
    code = "from logsrv.memory import keep_freed_memory; print(keep_freed_memory(together=True))"
    said = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=PATIENCE)
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")
