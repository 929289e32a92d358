"""Compile the load generator and the sink into bench/out/, when the sources are newer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")


class BuildError(Exception):
    """There is no C compiler, or it refused; `str()` is one sentence, and what the compiler said."""


def build(name: str, out: Path = OUT) -> Path:
    """The path of the program made from bench/NAME.c, compiled into `out` if it is not up to date.

    Raises BuildError.
    """
    source, program = HERE / f"{name}.c", out / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BuildError("No C compiler: cc is not on PATH (on Debian: apt-get install gcc).")
    out.mkdir(parents=True, exist_ok=True)
    fresh = out / f"{name}.{os.getpid()}"
    done = subprocess.run(
        [compiler, *FLAGS, "-o", str(fresh), str(source)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise BuildError(f"{compiler} could not compile {source.name}:\n{done.stderr}")
    fresh.replace(program)
    return program
