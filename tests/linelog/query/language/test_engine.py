"""RE2 as it is asked here."""

import pytest

from logsrv.linelog.query.language.engine import compile_search, require_valid_expression
from logsrv.linelog.query.language.size import WrongExpression


def test_a_match_never_leaves_its_line():
    text = b"a\nb c"
    for pattern in (r"a\s+b", "a[^x]b", "(?s)a.b", r"a\nb", r"a\x{a}b"):
        assert compile_search(pattern)(text, 0, len(text)) == (-1, -1)
    assert compile_search(r"b\s")(text, 0, len(text)) == (2, 4)


def test_bytes_that_are_no_text_hinder_nothing():
    assert compile_search("é.b")(b"\xff\xc3\xa9\xc3\xa8b\xfe", 0, 7) == (1, 6)


@pytest.mark.parametrize("pattern", ["(", "a**", r"\1", "(a{1,1000}){1,1000}", "\ud800", "(?<=a)b"])
def test_wrong_expressions_are_refused(pattern, capfd):
    with pytest.raises(WrongExpression):
        compile_search(pattern)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["(", "a**", r"\1", "(a{1,1000}){1,1000}", "\ud800", "(?<=a)b"])
def test_what_is_wrong_is_known_without_compiling(pattern, capfd):
    with pytest.raises(WrongExpression) as compiling:
        compile_search(pattern)
    with pytest.raises(WrongExpression) as checking:
        require_valid_expression(pattern)
    assert str(checking.value) == str(compiling.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["", "a", "$", r"\b", "(a|b)*c", r"\pL{400}XX", ".{1000}" * 9])
def test_what_is_right_passes_whatever_its_size(pattern):
    require_valid_expression(pattern)
