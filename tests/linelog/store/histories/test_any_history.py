"""Whatever happens to a store, in any order: a confirmed line is there, once, and at its position."""

import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from logsrv.linelog.store import active
from tests.linelog.store.histories.life import Life
from tests.parts.examples import more


def lived(seed: int) -> Life:
    # Rotation by age is a step too, with the few lines that a history has.
    small = patch.object(active, "LEAST_BY_AGE", 1)
    home = tempfile.TemporaryDirectory(prefix="history.")
    with small, home as directory, Life(Path(directory), seed) as life:
        try:
            life.live()
        except BaseException as error:
            error.add_note("\n".join(life.told))
            raise
    return life


# A smaller seed is no simpler history.
@settings(more(0.4), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_a_store_keeps_its_promises_whatever_happens(seed):
    lived(seed)


def test_a_seed_repeats_its_history():
    first, second = lived(7), lived(7)
    assert len(first.told) > 50
    assert first.told == second.told
    assert [str(one) for one in first.operations] == [str(one) for one in second.operations]
