"""RE2 as it is asked here."""

from __future__ import annotations

import pytest

from logsrv.linelog.query.engine import WrongExpression, compiled


def test_a_match_never_leaves_its_line() -> None:
    text = b"a\nb c"
    for pattern in (r"a\s+b", "a[^x]b", "(?s)a.b", r"a\nb", r"a\x{a}b"):
        assert compiled(pattern)(text, 0, len(text)) == (-1, -1)
    assert compiled(r"b\s")(text, 0, len(text)) == (2, 4)


def test_bytes_that_are_no_text_hinder_nothing() -> None:
    assert compiled("é.b")(b"\xff\xc3\xa9\xc3\xa8b\xfe", 0, 7) == (1, 6)


@pytest.mark.parametrize("pattern", ["(", "a**", r"\1", "(a{1,1000}){1,1000}", "\ud800", "(?<=a)b"])
def test_wrong_expressions(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WrongExpression):
        compiled(pattern)
    assert capfd.readouterr() == ("", "")


def test_expressions_that_would_take_long_are_refused() -> None:
    with pytest.raises(WrongExpression, match="too large"):
        compiled("(x{500}|y){2}" * 40)
