"""The public names of the kit: all there, all documented, and loaded only when used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import logsrv.kit
import logsrv.kit.testing

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize(
    ("module", "page"), [(logsrv.kit, "kit.md"), (logsrv.kit.testing, "testing.md")]
)
def test_every_name_is_there_and_documented(module: object, page: str) -> None:
    """What is exported exists, and stands on its page; `_MODULES` names nothing else."""
    names = module.__all__  # type: ignore[attr-defined]
    text = (DOCS / page).read_text()
    assert sorted(names) == sorted(module._HOME)  # type: ignore[attr-defined]
    for name in names:
        assert getattr(module, name) is not None
        assert f"`{name}`" in text or f"`{name}(" in text, f"{page} does not mention {name}"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'LineProtocoll'"):
        logsrv.kit.LineProtocoll  # noqa: B018


def test_import_costs_next_to_nothing() -> None:
    code = "import sys, logsrv.kit; print([m for m in sys.modules if m.startswith(('twisted', 'attr'))])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
