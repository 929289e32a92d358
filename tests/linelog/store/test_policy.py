"""A policy that makes no sense is refused."""

import pytest

from logsrv.linelog.store.policy import StorePolicy


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotate_size": 0},
        {"rotate_every": -1.0},
        {"rotate_every": float("nan")},
        {"keep_bytes": 0},
        {"keep_days": 0.0},
        {"low_water": 2, "high_water": 1},
    ],
)
def test_a_value_that_makes_no_sense_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StorePolicy(**wrong)
