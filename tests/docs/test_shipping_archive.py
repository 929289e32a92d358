"""The part of docs/shipping.md about archives, followed by a reader."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.story import Story

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "shipping.md").read_text()
SECTION = PAGE[PAGE.index("## Archive") :].partition("\n### ")[0]


def test_a_store_is_archived_and_restored_as_printed(tmp_path: Path) -> None:
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, os.environ["PATH"]])
    with Story(tmp_path, ports=(5141,), environment={"PATH": path}) as reader:
        reader.follow(SECTION)
        reader.stop()
