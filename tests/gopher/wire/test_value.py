"""Values are compared, hashed, copied and shown by what is in them."""

from __future__ import annotations

from logsrv.gopher.wire.value import Value


class Point(Value):
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int = 0) -> None:
        self.x = x
        self.y = y


class Other(Point):
    __slots__ = ()


def test_equal_by_content_and_kind() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert Point(1) != Other(1) and Point(1) != (1, 0)
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_a_copy_with_changes_leaves_the_first_as_it_was() -> None:
    point = Point(1, 2)
    assert point.replace(y=5) == Point(1, 5)
    assert point == Point(1, 2)


def test_shown_as_it_is_made() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
