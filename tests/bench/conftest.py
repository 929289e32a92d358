"""The compiled programs, once for all tests."""

import os
import shutil
from pathlib import Path

import pytest

from bench.build import build


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with `load` and `sink`."""
    if shutil.which("cc") is None:
        message = "cc is not on PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    out = tmp_path_factory.mktemp("out")
    build("load", out)
    build("sink", out)
    return out
