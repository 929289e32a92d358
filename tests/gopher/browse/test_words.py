"""Times on the screen are short and have a unit."""

from __future__ import annotations

import pytest

from logsrv.gopher.browse.words import span_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.4, "12 s"), (185, "3:05"), (3723, "1:02:03")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
