"""The scripts of packaging/, which are no package: names that they define."""

import runpy
import sys
from typing import Any

from tests.parts.archives import ROOT


def script(path: str) -> dict[str, Any]:
    """Return the names of a script below packaging/, which finds those beside it."""
    file = ROOT / "packaging" / path
    sys.path.insert(0, str(file.parent))
    try:
        return runpy.run_path(str(file))
    finally:
        sys.path.remove(str(file.parent))
