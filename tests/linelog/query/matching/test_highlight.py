"""What a query asks for is marked in the message, and nothing else."""

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.highlight import highlight_finder


@pytest.mark.parametrize(
    ("query", "message", "spans"),
    [
        ("conn", b"a Conn conn", [(2, 6), (7, 11)]),
        ("ab bc", b"xabcx", [(1, 4)]),
        ("abcd bc", b"abcde", [(0, 4)]),
        ("bc abcd", b"xabcdbc", [(1, 7)]),
        ("aa", b"aaaaa", [(0, 4)]),
        # Found one behind the other, beside each other and within each other.
        ("aa ab b", b"aab", [(0, 3)]),
        ("abc b c", b"_abc b", [(1, 4), (5, 6)]),
        ("ab cd e", b"abcd_e_ab", [(0, 4), (5, 6), (7, 9)]),
        ("aba", b"ababa", [(0, 3)]),
        ("bB", b"bb bB", [(3, 5)]),
        ("a:b", b"a b", []),
        ("a=b", b"a b", []),
        (r"/\d+/ OR x", b"12 x 3", [(0, 2), (3, 4), (5, 6)]),
        ("-x", b"x", []),
        ("/x*/", b"ax", [(1, 2)]),
        ("/^a/", b"aa", [(0, 1)]),
        ("message:a message~b", b"ab", [(0, 2)]),
        ("message:a.b", b"acb a.b", [(4, 7)]),
        ("message~a.b", b"acb a.b", [(0, 3), (4, 7)]),
        ("message=a", b"a", []),
        ("/$/", b"a", []),
        ("level=error", b"error", []),
        ("", b"x", []),
    ],
)
def test_hits_are_highlighted(query, message, spans):
    assert highlight_finder(parse(query))(message) == spans
