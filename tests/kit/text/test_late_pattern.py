"""Expressions that are compiled at their first use answer as compiled ones."""

import re

import pytest

from logsrv.kit.text.late_pattern import LatePattern

WORD = r"(?P<word>[a-z]+)\d"


@pytest.mark.parametrize("text", ["abc1", "1 abc1", "ABC1", "", "abc1abc2"])
@pytest.mark.parametrize("flags", [0, re.IGNORECASE])
def test_each_method_answers_as_that_of_a_compiled_expression(text, flags):
    late, compiled = LatePattern(WORD, flags), re.compile(WORD, flags)
    for _ in range(2):
        for name in ("match", "fullmatch", "search"):
            found, wanted = (getattr(one, name)(text) for one in (late, compiled))
            assert (found and found.span("word")) == (wanted and wanted.span("word"))
        assert late.findall(text) == compiled.findall(text)


def test_it_is_compiled_at_its_first_use():
    broken = LatePattern(b"(")
    assert broken.pattern == b"("
    with pytest.raises(re.error):
        broken.match(b"")
