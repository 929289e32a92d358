"""The part of docs/shipping.md about two centres, followed by a reader in an empty folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.story import Story
from tests.programs import program

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "shipping.md").read_text()
SECTION = PAGE[PAGE.index("## Two centres") :].partition("\n## ")[0]


def test_a_replaced_centre_catches_up_as_printed(tmp_path: Path) -> None:
    program("openssl", "openssl")
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, os.environ["PATH"]])
    ports = (8443, 8444, 9443, 9444, 9445, 5142, 5143)
    with Story(tmp_path, ports=ports, environment={"PATH": path}) as reader:
        reader.follow(SECTION)
        reader.stop()
