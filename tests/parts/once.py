"""A folder that one worker of a test run fills, and all of them use."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def folder_of_all_workers(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of this test run, which its workers have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(folder: Path, fill: Callable[[Path], object]) -> Path:
    """Return `folder`; fill it first, unless another worker has: wait for one that is about to.

    After a failure the next worker tries again, in a folder with what the first has left.
    """
    filled = folder.with_name(f"{folder.name}.filled")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not filled.exists():
            folder.mkdir(exist_ok=True)
            fill(folder)
            filled.touch()
    return folder
