"""`make release` in two clones, two umasks, two time zones: the same files, and the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT


def released(clone: Path, umask: int, **environment: str) -> str:
    """Return the list of sums of what a rehearsal of the last commit makes in a new clone."""
    git = ("git", "clone", "--quiet", ROOT, clone)
    subprocess.run(git, check=True, timeout=5 * PATIENCE, umask=umask)
    # Images and packages need programs, and minutes of a mirror: tests/debian and test_container.py.
    skip = ("--skip", "image debian-12 debian-13")
    words = (sys.executable, "packaging/release/release.py", "--rehearsal", *skip)
    done = subprocess.run(
        words,
        cwd=clone,
        env=os.environ | environment,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=90 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "release: without image, as SKIP says" in done.stdout
    return (clone / "dist/rehearsal/SHA256SUMS").read_text()


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.minutes(60)
def test_a_release_has_the_same_bytes_again(tmp_path):
    sums = released(tmp_path / "one", 0o022, TZ="Pacific/Pago_Pago", LC_ALL="C.UTF-8", COLUMNS="80")
    for ending in (".whl", ".tar.gz", ".md", "-columns.cdx.json", "-kafka.cdx.json"):
        assert f"{ending}\n" in sums
    for name in ("manuals", "locks"):
        assert f"-{name}.tar.gz\n" in sums
    [of_extra] = (tmp_path / "one/dist/rehearsal").glob("logsrv-*-columns.cdx.json")
    assert json.loads(of_extra.read_text())["metadata"]["component"]["name"] == "logsrv"
    # 25 hours ahead, where it is always another day.
    other = tmp_path / "a folder of another name"
    assert released(other, 0o077, TZ="Pacific/Kiritimati", LC_ALL="C", COLUMNS="200") == sums
