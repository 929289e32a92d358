"""A limit that could never be kept is refused."""

from __future__ import annotations

import pytest

from logsrv.gopher.fetch.settings import Limits, Timeouts


def test_nothing_waits_for_no_time_or_takes_no_bytes() -> None:
    for name in ("connect", "first_byte", "between", "whole"):
        with pytest.raises(ValueError, match=name):
            Timeouts(**{name: 0})
    for name in ("menu", "text", "line", "items"):
        with pytest.raises(ValueError, match=name):
            Limits(**{name: 0})
