"""Values are compared, hashed, copied and shown by what is in them."""

import pytest

from logsrv.value import Value


class Point(Value):
    x: int
    y: int = 0


class Other(Point):
    """Of another kind, with the same in it."""


class Quick(Value):
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int = 0) -> None:
        self.x = x
        self.y = y


class Positive(Value):
    number: int

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError("not positive")


@pytest.mark.parametrize("kind", [Point, Quick])
def test_equal_by_content_and_kind(kind):
    assert kind(1, 2) == kind(1, 2) != kind(1, 3)
    assert kind(1) == kind(x=1, y=0) and kind(1) != (1, 0)
    assert len({kind(1), kind(1), kind(2)}) == 2
    assert Point(1) != Quick(1) and Point(1) != Other(1) == Other(1) != Other(2)


@pytest.mark.parametrize("kind", [Point, Quick])
def test_a_copy_with_changes_leaves_the_first_as_it_was(kind):
    point = kind(1, 2)
    assert point.replace(y=5) == kind(1, 5)
    assert point == kind(1, 2)


@pytest.mark.parametrize("kind", [Point, Quick])
def test_shown_as_it_is_made(kind):
    assert repr(kind(1)) == f"{kind.__name__}(x=1, y=0)"


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2})]
)
def test_made_of_its_fields_and_nothing_else(values, named):
    with pytest.raises(TypeError, match="Point takes x, y"):
        Point(*values, **named)


def test_what_cannot_be_is_refused_in_copies_too():
    with pytest.raises(ValueError, match="not positive"):
        Positive(0)
    with pytest.raises(ValueError, match="not positive"):
        Positive(1).replace(number=-1)
