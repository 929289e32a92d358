"""`make release` in two clones: the same files, and the same bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT


def released(clone: Path) -> str:
    """Return the list of sums of what a rehearsal of the last commit makes in a new clone."""
    git = ("git", "clone", "--quiet", ROOT, clone)
    subprocess.run(git, check=True, timeout=5 * PATIENCE)
    words = (sys.executable, "packaging/release/release.py", "--rehearsal")
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, timeout=90 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return (clone / "dist/SHA256SUMS").read_text()


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.minutes(60)
def test_a_release_has_the_same_bytes_again(tmp_path):
    sums = released(tmp_path / "one")
    for ending in (".whl\n", ".tar.gz\n", ".md\n", "-columns.cdx.json\n", "-kafka.cdx.json\n"):
        assert ending in sums
    assert released(tmp_path / "another") == sums
