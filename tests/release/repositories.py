"""Repositories of git that tests commit to."""

import itertools
import subprocess
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

# Each commit is a second after the one before.
_MOMENTS = itertools.count(1_790_000_000)


def git(repository: Path, *words: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    command = [program("git", "git"), *who, "-c", "commit.gpgsign=false", *words]
    subprocess.run(command, cwd=repository, check=True, capture_output=True, timeout=5 * PATIENCE)


def commit(repository: Path) -> None:
    git(repository, "add", ".")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GIT_COMMITTER_DATE", f"{next(_MOMENTS)} +0200")
        git(repository, "commit", "--quiet", "--allow-empty", "--message", "a change")
