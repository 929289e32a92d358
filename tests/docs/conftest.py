"""What a reader of docs/ has: an index to install from, with logsrv in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.programs import missing

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ("logsrv", "twisted", "setup.cfg", "pyproject.toml", "MANIFEST.in", "LICENSE")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    # In the checkout it would leave build/ behind, and take what lies there along.
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
        else:
            shutil.copy(ROOT / name, source)
    (source / "README.md").write_text("# logsrv\n")
    command = [*(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True
    )
    if done.returncode:
        missing(f"no wheel can be built here: {done.stderr.strip()[-500:]}")
    [built] = folder.glob("logsrv-*.whl")
    return built


@pytest.fixture(scope="session")
def index(wheel: Path) -> Mapping[str, str]:
    """The environment of a reader whose `pip install logsrv` gets that wheel."""
    constraints = wheel.with_name("constraints.txt")
    constraints.write_text(f"logsrv @ {wheel.as_uri()}\n")
    # The Python that runs us, but nothing that is installed beside it.
    ours = str(Path(sys.executable).parent)
    others = [part for part in os.environ["PATH"].split(os.pathsep) if part != ours]
    python = str(Path(sys.executable).resolve().parent)
    return {
        "PATH": os.pathsep.join([python, *others]),
        "PIP_CONSTRAINT": str(constraints),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": "",
    }
