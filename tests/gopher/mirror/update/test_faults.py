"""A menu that may not be whole takes nothing from the one of before; one that is whole may."""

from __future__ import annotations

import pytest

from logsrv.gopher.mirror.update.faults import LostLinks, fault, may_be_cut, read_menu
from logsrv.gopher.wire.errors import GopherError, ServerError, Truncated
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL.parse("gopher://h/1/sub")
A, B, C = (b"0%c\t/%c\th\t70\r\n" % (name, name) for name in b"ABC")
END = b".\r\n"
ERROR = b"3Out of memory\t\terror.host\t1\r\n"
TALK = b"iClosed\t\terror.host\t1\r\n"
ROOT = A + C + END


def found(now: bytes, before: bytes | None, root: bytes | None = ROOT) -> GopherError | None:
    old = None if before is None else read_menu(before)
    return fault(URL, read_menu(now), old, root)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (A + B + END, B + C + END),
        (A + B + END, B + A),
        (A + B, A),
        (A + B + ERROR + END, A + ERROR + END),
        (A + ERROR + END, A + B + ERROR + END),
        (TALK + END, TALK),
        (b"", b""),
        (A.rstrip(), b"0B\t/B"),
        (None, A + END),
    ],
)
def test_menus_change(before: bytes | None, now: bytes) -> None:
    assert found(now, before) is None


@pytest.mark.parametrize(
    ("before", "now", "error"),
    [
        (A + B + END, A, Truncated),
        (A + B + END, b"", Truncated),
        (A + B, b"", Truncated),
        (TALK + END, b"", Truncated),
        (A + B, A + b"0B\t/", Truncated),
        (A + END, END, LostLinks),
        (A + END, TALK + END, LostLinks),
        (A, TALK, LostLinks),
        (None, b"a text\r\n", LostLinks),
        (None, b"", Truncated),
        (A + B + END, ROOT, LostLinks),
        (A + B + END, A + ERROR + END, ServerError),
    ],
)
def test_a_menu_that_stays_as_it_was(
    before: bytes | None, now: bytes, error: type[GopherError]
) -> None:
    assert type(found(now, before)) is error


def test_wherever_a_menu_with_a_full_stop_is_cut() -> None:
    whole = A + B + TALK + C + END
    for end in range(whole.index(b"h\t70\r\n.") + 1):
        assert isinstance(found(whole[:end], whole), (Truncated, LostLinks)), whole[:end]
    assert isinstance(found(A, whole), Truncated)


def test_the_root_may_be_as_it_is_and_an_error_says_what_the_server_said() -> None:
    assert found(ROOT, A + B + END, root=None) is None
    assert "Out of memory" in str(found(A + ERROR, A + B))
    assert "no line of this menu leads anywhere" in str(found(END, A + END))
    assert LostLinks("x").exit_status == 12


@pytest.mark.parametrize(
    ("before", "now", "may"),
    [
        (A + B, A, True),
        (A + B, A + C, True),
        (A + B, B, False),
        (A + B + END, A + END, False),
        (TALK, b"", False),
    ],
)
def test_the_end_of_a_menu_without_a_full_stop(before: bytes, now: bytes, may: bool) -> None:
    assert may_be_cut(read_menu(now), read_menu(before)) is may
