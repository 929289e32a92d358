"""The benchmark of sealing says what it measured."""

from __future__ import annotations

import pytest

from bench.sealing import main


@pytest.mark.slow
def test_a_kind_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--kind", "access", "--megabytes", "2", "--runs", "1"])
    said = capsys.readouterr().out
    assert said.startswith("access: ") and "MB/s without" in said and "% (bar" in said
