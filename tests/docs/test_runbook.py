"""The runbook: what it says one sees in the log is what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/runbook.md").read_text()
SEEN = re.findall(r"\*\*See\*\*:(.*?)\n\n", PAGE, re.DOTALL)
# Words in code type that are no sentence of ours.
COMMANDS = re.compile(
    r"(systemctl|journalctl|logsrv|dmesg|failed|activating|tls|certificate|/healthz)"
)


def texts() -> str:
    """All string constants of the code, those that continue each other joined."""
    found = []
    for path in (ROOT / "logsrv").rglob("*.py"):
        if "template" not in path.parts:
            found += [
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(found)


def test_each_of_the_twelve_says_how_it_shows_what_it_means_and_what_to_do() -> None:
    sections = re.split(r"^## \d+\. ", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) == 12 == len(SEEN)
    for section in sections:
        assert re.findall(r"^\*\*(See|Means|Do)\*\*", section, re.MULTILINE) == [
            "See",
            "Means",
            "Do",
        ]


@pytest.mark.slow
def test_what_one_sees_is_what_the_code_says() -> None:
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
def test_each_command_is_one(command: str) -> None:
    from logsrv.cli.main import COMMANDS as known

    assert command in known
