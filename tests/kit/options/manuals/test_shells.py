"""The shells there are completions for."""

from __future__ import annotations

import pytest

from logsrv.kit.options.manuals.shells import SHELLS, completions
from tests.kit.options.manuals.demo import program


@pytest.mark.parametrize("shell", SHELLS)
def test_each_has_its_script(shell: str) -> None:
    assert SHELLS[shell].format("demo").strip("_").startswith("demo")
    assert f"Completions of {shell} for demo" in completions(shell, program())
