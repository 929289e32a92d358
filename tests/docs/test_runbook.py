"""The messages that the runbook quotes are those of the code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/runbook.md").read_text()
SEEN = re.findall(r"\*\*See\*\*:(.*?)\n\n", PAGE, re.DOTALL)
# Words in code type that are not messages of logsrv.
COMMANDS = re.compile(
    r"(systemctl|journalctl|logsrv|dmesg|failed|activating|tls|certificate|/healthz|stores/NAME:)"
)


def texts() -> str:
    """Return all string constants of the code as one text."""
    found = []
    for path in (ROOT / "logsrv").rglob("*.py"):
        if "template" not in path.parts:
            found += [
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(found)


@pytest.mark.slow
def test_every_quoted_message_is_in_the_code():
    known = texts()
    alerts = (ROOT / "docs/monitoring/alerts.yml").read_text()
    quoted = [" ".join(each.split()) for part in SEEN for each in re.findall(r"`([^`]+)`", part)]
    sentences = [each for each in quoted if not COMMANDS.match(each)]
    assert len(sentences) > 15
    for each in sentences:
        assert each in known or f"alert: {each}\n" in alerts, each


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:`|^    )logsrv ([a-z]+)", PAGE, re.M)))
)
def test_each_command_of_logsrv_is_valid(command):
    from logsrv.cli.command import COMMANDS as known

    assert command in known.ours()
