"""The real daemon on free loopback ports, with its store in the directory of the test."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.daemons import Start, starting
from tests.parts.programs import missing, program


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Start]:
    """Start daemons for one test."""
    with starting(tmp_path) as start:
        yield start


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost with its key, which signs itself."""
    return certificate_file(tmp_path / "localhost.pem", "localhost")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    place = tmp_path / "small"
    place.mkdir()
    mount = program("mount", "mount")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], timeout=PATIENCE
    ).returncode:
        missing("a tmpfs cannot be mounted here")
    yield place
    subprocess.run([program("umount", "mount"), "-l", str(place)], check=True, timeout=PATIENCE)


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    """The directory with those of an edge and a centre."""
    for name in ("edge", "centre"):
        (tmp_path / name).mkdir()
    return tmp_path
