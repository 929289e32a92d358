"""The C library is told to keep what it has."""

import platform

from logsrv.memory import keep_freed_memory


def test_glibc_understands() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
