"""How long a test waits, by the environment."""

import re

import pytest

from logsrv.kit.testing.patience import patience


@pytest.mark.parametrize(
    ("said", "seconds"), [({}, 60), ({"PATIENCE": "10"}, 600), ({"PATIENCE": ".5"}, 30)]
)
def test_patience_is_minutes(said, seconds):
    assert patience(said) == seconds


@pytest.mark.parametrize("wrong", ["", "long", "0", "-1", "nan", "inf"])
def test_a_wrong_patience_is_refused_by_its_name(wrong):
    with pytest.raises(ValueError, match=rf"^PATIENCE={re.escape(wrong)} must be a number above 0"):
        patience({"PATIENCE": wrong})
