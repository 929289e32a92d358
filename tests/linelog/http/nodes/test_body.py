"""The lines of a body, however its pieces are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.nodes import body
from logsrv.linelog.http.nodes.body import NodeFailure, lines_of

LINES = st.lists(st.binary(max_size=8).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(LINES, st.integers(1, 9))
def test_lines_are_the_same_in_pieces_of_any_size(lines: list[bytes], size: int) -> None:
    sent = b"".join(line + b"\n" for line in lines)
    pieces = (sent[at : at + size] for at in range(0, len(sent), size))
    assert list(lines_of(pieces)) == lines


def test_a_line_that_is_not_whole_is_none() -> None:
    found = lines_of(iter([b"a\nb", b"c"]))
    assert next(found) == b"a"
    with pytest.raises(NodeFailure, match="broke off"):
        next(found)


def test_a_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LONGEST_LINE", 10)
    with pytest.raises(NodeFailure, match="longer than"):
        next(lines_of(iter([b"x" * 6, b"x" * 6])))
