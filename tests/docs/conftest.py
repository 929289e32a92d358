"""The fixture of a reader of docs/: a package index with logsrv and logsrv-kit in it."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.parts.archives import Archives
from tests.parts.scripts import script

pair: Callable[..., list[Path]] = script("wheels/pair.py")["pair"]


@pytest.fixture(scope="session")
def index(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a reader whose `pip install "$LOGSRV"` installs both wheels of this checkout."""
    out = tmp_path_factory.mktemp("index")
    _, kit, rest = pair(archives.source, archives.wheel, out)
    constraints = out / "constraints.txt"
    constraints.write_text(f"logsrv @ {rest.as_uri()}\nlogsrv-kit @ {kit.as_uri()}\n")
    # The Python that runs the tests, but without the programs that are installed beside it.
    ours = str(Path(sys.executable).parent)
    others = [part for part in os.environ["PATH"].split(os.pathsep) if part != ours]
    python = str(Path(sys.executable).resolve().parent)
    return {
        "PATH": os.pathsep.join([python, *others]),
        # What the pages call a checkout, or the file of a wheel.
        "LOGSRV": str(rest),
        "PIP_CONSTRAINT": str(constraints),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # pip reads 0 as --no-compile: Python compiles the few modules that are imported.
        "PIP_NO_COMPILE": "0",
        "PYTHONPATH": "",
    }
