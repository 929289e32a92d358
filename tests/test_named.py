"""Our named tuples are those of `typing`."""

from __future__ import annotations

import pickle
import typing

import pytest

from logsrv.named import NamedTuple


class Ours(NamedTuple):
    """Two numbers."""

    first: int
    second: int = 2

    @property
    def both(self) -> int:
        """Their sum."""
        return self.first + self.second


class Theirs(typing.NamedTuple):
    """Two numbers."""

    first: int
    second: int = 2

    @property
    def both(self) -> int:
        """Their sum."""
        return self.first + self.second


def test_they_are_made_shown_compared_and_kept_alike() -> None:
    ours, theirs = Ours(1), Theirs(1)
    assert tuple(ours) == theirs and ours.both == theirs.both == 3
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._replace(second=5) == (1, 5) and ours._asdict() == theirs._asdict()
    assert (Ours.__doc__, Ours._fields, Ours._field_defaults, Ours.__module__) == (
        Theirs.__doc__,
        Theirs._fields,
        Theirs._field_defaults,
        Theirs.__module__,
    )
    assert pickle.loads(pickle.dumps(ours)) == ours  # noqa: S301
    with pytest.raises(TypeError):
        Ours()  # type: ignore[call-arg]
