"""Running the programs that a release is made with, and saying what is done."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Return a command's standard output. Raises SystemExit with all its output if its status is not 0."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"release: {words} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(what: str) -> None:
    print(f"release: {what}", flush=True)
