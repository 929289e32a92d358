"""Where two answers differ, in the errors of tests."""

import pytest

from logsrv.kit.testing.difference import difference

LONG = b"".join(b"line %d of the answer\r\n" % number for number in range(100))


@pytest.mark.parametrize(
    ("wanted", "came", "said"),
    [
        (b"HELLO\r\n", b"hello\r\n", r"b'hello\r\n' instead of b'HELLO\r\n'"),
        (b"", b"x", "b'x' instead of b''"),
        (7, 8, "8 instead of 7"),
        (LONG, LONG.replace(b"50", b"fifty"), "from byte 1145 on"),
        (LONG, LONG[:1000], "from byte 1000 on"),
        (LONG[:1000], LONG, "from byte 1000 on"),
        (LONG, b"*" + LONG, "from byte 0 on"),
        (LONG, LONG[:-1], f"from byte {len(LONG) - 1} on"),
        ([b"a", b"b"], [b"a", b"c"], "answer 2 of 2: b'c' instead of b'b'"),
        ([b"a", b"b"], [b"a"], "answer 2 of 2: None instead of b'b'"),
        ([LONG, LONG], [LONG, LONG + b"!"], f"from byte {len(LONG)} on"),
    ],
)
def test_the_first_different_bytes_are_shown(wanted, came, said):
    sentence = difference(wanted, came)
    assert said in sentence
    assert len(sentence) < 400


def test_the_bytes_around_the_place_are_shown():
    sentence = difference(LONG, LONG.replace(b"50", b"fifty"))
    assert r"+ b'fifty of the answer\r\n" in sentence
    assert r"+ b'50 of the answer\r\n" in sentence
    assert "49 of the answer" in sentence or "of the answer" in sentence
    assert f"({len(LONG)} bytes)" in sentence
