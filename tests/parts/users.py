"""Another user, and a directory that he may enter; only root can be another."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logsrv.kit.service.findings import User, find_user
from logsrv.kit.testing.patience import PATIENCE

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
EVERYBODYS_PYTHON = "/usr/bin/python3"
"""Debian's: another user may not run one that stands in a folder of ours."""


def nobody() -> User:
    return find_user("nobody")


def follow(advice: str) -> None:
    """Do what a finding says to do, as its reader would: in a shell."""
    subprocess.run(["sh", "-c", advice], check=True, timeout=PATIENCE)


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that everybody may enter, which those of pytest are not; removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="logsrv-check-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)
