"""Smart case: a capital of A–Z makes case count."""

from __future__ import annotations

from logsrv.linelog.query.matching.smart import has_capital


def test_only_ascii_capitals_count() -> None:
    assert has_capital("errorS") and not has_capital("error 1 É")
