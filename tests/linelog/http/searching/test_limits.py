"""A process that works for readers has the lowest claims, and no signals of a terminal."""

from __future__ import annotations

import subprocess
import sys

from logsrv.linelog.http.searching.limits import MEMORY, NICE

SCRIPT = """
import os, resource
from logsrv.linelog.http.searching.limits import limit
limit()
print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_AS)[0],
      resource.getrlimit(resource.RLIMIT_CORE)[1], os.getpgrp() == os.getpid())
"""


def test_limits() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True).stdout
    assert said.split() == [b"%d" % NICE, b"%d" % MEMORY, b"0", b"True"]
