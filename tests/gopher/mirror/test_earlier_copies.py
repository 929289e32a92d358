"""A menu that lost its links, or its end, takes no other's place.

What becomes of the copies of a mirror: test_losses.py.
"""

import pytest

from logsrv.gopher.mirror.earlier_copies import LostLinks, why_not_replace
from logsrv.gopher.wire.content import parse_menu
from logsrv.gopher.wire.errors import GopherError, Truncated
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL.parse("gopher://h/1/sub")
LINE_A, LINE_B, LINE_C = (b"0%c\t/%c\th\t70\r\n" % (name, name) for name in b"ABC")
END = b".\r\n"
ERROR = b"3Out of memory\t\terror.host\t1\r\n"
TALK = b"iClosed\t\terror.host\t1\r\n"


def found(now: bytes, before: bytes | None) -> GopherError | None:
    return why_not_replace(URL, parse_menu(now), None if before is None else parse_menu(before))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (LINE_A + LINE_B + END, LINE_B + LINE_C + END),
        (LINE_A + LINE_B, LINE_A),
        (LINE_A + LINE_B, LINE_A + b"."),
        (LINE_A + LINE_B + ERROR + END, LINE_A + ERROR + END),
        (LINE_A + ERROR + END, LINE_A + LINE_B + ERROR + END),
        (b"", b""),
        (LINE_A.rstrip(), b"0B\t/LINE_B"),
        (None, LINE_A + END),
    ],
)
def test_a_menu_may_change_its_links(before, now):
    assert found(now, before) is None


def test_wherever_a_menu_with_a_full_stop_is_cut():
    whole = LINE_A + LINE_B + TALK + LINE_C + END
    for end in range(whole.index(b"h\t70\r\n.") + 1):
        assert isinstance(found(whole[:end], whole), (Truncated, LostLinks)), whole[:end]
    assert isinstance(found(LINE_A, whole), Truncated)


def test_an_error_says_what_the_menu_lacks():
    assert "no line of this menu leads anywhere" in str(found(END, LINE_A + END))
    assert LostLinks("x").exit_status == 12
