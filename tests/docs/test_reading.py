"""docs/reading.md, followed by a reader who reads a log for the first time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT
from tests.docs.story import Story

pytestmark = pytest.mark.slow


def test_reading_a_log_works_as_printed(tmp_path: Path) -> None:
    ours = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Story(tmp_path, ports=(5140,), environment={"PATH": ours}) as reader:
        reader.follow((ROOT / "docs" / "reading.md").read_text())
