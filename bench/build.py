"""Compile the load generator and the sink into bench/out/, when the sources are newer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")
# load.c as `load-tls`
TLS_FLAGS = ("-DTLS", "-lssl", "-lcrypto")


class BuildError(Exception):
    """There is no C compiler, or it failed; `str()` is a sentence and the compiler's output."""


def build(name: str, out: Path = OUT) -> Path:
    """Compile bench/NAME.c into `out` if it is newer than the program; return the program's path.

    `load-tls` is `load` with OpenSSL. Raises BuildError.
    """
    source, program = HERE / f"{name.removesuffix('-tls')}.c", out / name
    newest = max(file.stat().st_mtime for file in (source, *HERE.glob("*.h")))
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BuildError("No C compiler: cc is not on PATH (on Debian: apt-get install gcc).")
    out.mkdir(parents=True, exist_ok=True)
    fresh = out / f"{name}.{os.getpid()}"
    done = subprocess.run(
        [compiler, *FLAGS, "-o", str(fresh), str(source), *(TLS_FLAGS if "-tls" in name else ())],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BuildError(f"{compiler} could not compile {source.name}:\n{done.stderr}")
    fresh.replace(program)
    return program
