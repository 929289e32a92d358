"""The alert rules of the documentation, names of figures, and promtool, which checks both."""

import re
import subprocess
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

ALERTS = Path(__file__).parents[2] / "docs" / "monitoring" / "alerts.yml"


NAME = re.compile(r"\b(?:logsrv|process)_[a-z_]+\b")


def promtool(*words: str, text: str | None = None) -> None:
    command = [program("promtool", "prometheus"), *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
