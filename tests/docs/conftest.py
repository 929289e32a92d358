"""The fixture of a reader of docs/: a package index with logsrv in it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def index(wheel: Path) -> Mapping[str, str]:
    """The environment of a reader whose `pip install logsrv` installs that wheel."""
    constraints = wheel.with_name("constraints.txt")
    constraints.write_text(f"logsrv @ {wheel.as_uri()}\n")
    # The Python that runs the tests, but without the programs that are installed beside it.
    ours = str(Path(sys.executable).parent)
    others = [part for part in os.environ["PATH"].split(os.pathsep) if part != ours]
    python = str(Path(sys.executable).resolve().parent)
    return {
        "PATH": os.pathsep.join([python, *others]),
        "PIP_CONSTRAINT": str(constraints),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # pip reads 0 as --no-compile: Python compiles the few modules that are imported.
        "PIP_NO_COMPILE": "0",
        "PYTHONPATH": "",
    }
