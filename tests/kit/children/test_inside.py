"""A process that works for a service has the lowest claims, and no signals of a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from logsrv.kit.children.inside import MEMORY, NICE

SCRIPT = """
import os, resource, signal, sys
from logsrv.kit.children import inside
inside.{limit}()
print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_AS)[0],
      os.getpgrp() == os.getpid(), resource.getrlimit(resource.RLIMIT_CORE)[1] == 0,
      signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL, "twisted" in sys.modules)
inside.tell("done")
"""


def limited(by: str) -> list[bytes]:
    script = SCRIPT.format(limit=by)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b"done\n"
    return done.stdout.split()


def test_limits() -> None:
    nice = b"%d" % min(19, os.nice(0) + NICE)
    assert limited("limit_reader") == [
        nice,
        b"%d" % MEMORY,
        b"True",
        b"True",
        b"True",
        b"False",
    ]
    assert limited("limit")[:3] == [nice, b"%d" % MEMORY, b"True"]
    assert limited("limit")[4:] == [b"False", b"False"]


def test_a_lower_limit_of_the_whole_service_stays() -> None:
    script = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
    script += SCRIPT.format(limit="limit_reader")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.split()[1] == b"%d" % (1 << 30)


MORE = """
import resource
from logsrv.kit.children.inside import little_memory
before = resource.getrlimit(resource.RLIMIT_DATA)
held = bytearray(100 << 20)
with little_memory(64 << 20):
    few = bytearray(32 << 20)
    try:
        many = bytearray(64 << 20)
    except MemoryError:
        print("no more")
many = bytearray(64 << 20)
print(before == resource.getrlimit(resource.RLIMIT_DATA))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory that is there")
def test_a_part_of_a_program_gets_so_much_more_memory_and_what_is_behind_it_any() -> None:
    done = subprocess.run([sys.executable, "-c", MORE], capture_output=True, check=True)
    assert done.stdout.split(b"\n") == [b"no more", b"True", b""]
