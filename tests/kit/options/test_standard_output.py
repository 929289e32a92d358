"""Standard output that nobody takes."""

import os
import subprocess
import sys

import pytest

from logsrv.kit.testing import TWISTD

PROGRAM = """
from logsrv.kit.options.standard_output import discard_unwritten_output
print("x" * 100, end="")
discard_unwritten_output()
"""


def test_buffered_output_is_dropped():
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.slow
@pytest.mark.parametrize("word", ["--help", "--version"])
def test_a_full_disk_is_one_sentence(word):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*TWISTD, "greet", word], stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"standard output: No space left on device\n")
