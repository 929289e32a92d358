"""Stores whose sealed segments have columns, too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.read.view import View
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns


@pytest.fixture(params=["text", "columns"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test run twice: on the text, and with columns of all compressed segments."""
    opens = View.__init__

    def with_columns(view: View, directory: str, *given: Any, **named: Any) -> None:
        add_columns(Path(directory))
        opens(view, directory, *given, **named)

    if request.param == "columns":
        monkeypatch.setattr(View, "__init__", with_columns)
    with columns_for_few_frames():
        yield
