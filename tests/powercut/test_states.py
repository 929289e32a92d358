"""No power cut loses an acknowledged line, stores a line twice, or reuses a position.

    LOGSRV_POWER_CUTS=100000 pytest -n 2 tests/powercut/test_states.py

tries so many states instead of 1,000. A failure is reported with the command that shows its state again.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.powercut.history import DIRECTORY
from tests.parts.powercut.models import MODELS, Choice, image
from tests.parts.powercut.recording import copy
from tests.powercut.checking import KINDS
from tests.powercut.trying import SEED, Tally, Workload, one_state, tried
from tests.powercut.workloads import LARGE, WORKLOADS

STATES = int(os.environ.get("LOGSRV_POWER_CUTS", "1000"))
# A state of these takes so many times as long as one of the others.
SHARES = {"importing": 4, "packing": 20}
# A record, a model, a seed and the number of a state.
AGAIN = os.environ.get("LOGSRV_POWER_CUT", "").split()
Recorded = Callable[[str], Workload]


@pytest.mark.slow
@pytest.mark.minutes(10)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "name", [*WORKLOADS, *(pytest.param(one, marks=pytest.mark.long) for one in LARGE)]
)
def test_a_store_has_its_promised_lines_after_power_cuts(
    workload, name, model, tmp_path, record_property
):
    states = STATES // (len(WORKLOADS) * len(MODELS)) // SHARES.get(name, 1) + 1
    recorded = workload(name)
    tally = tried(recorded, MODELS[model], states)
    kinds = [tally.wrong[kind] for kind in KINDS]
    record_property("power cuts", (name, model, tally.states, tally.equal, tally.bad, *kinds))
    assert not tally.bad, _report(recorded, tally, tmp_path)


@pytest.mark.slow
@pytest.mark.minutes(10)
@pytest.mark.parametrize(
    "name", [*WORKLOADS, *(pytest.param(one, marks=pytest.mark.long) for one in LARGE)]
)
def test_a_record_has_all_writes_of_the_server(workload, name):
    """Also the writes of other processes of the server: without them their syncs would be
    missing as well.
    """
    recorded = workload(name)
    history, root = recorded.history, recorded.directory / "root"
    found = image(MODELS["alice"], history, Choice(history.length, frozenset(), "all"))
    texts = {path: found.texts.get(node, b"") for path, node in found.entries.items()}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            assert texts.pop(str(path.relative_to(root))) == path.read_bytes(), path
    assert set(texts) == {path for path, node in found.entries.items() if node == DIRECTORY}


def _report(workload: Workload, tally: Tally, directory: Path) -> str:
    """Keep the record and the first wrong state of each kind; return a report for a person."""
    record = directory / "root.record"
    copy(workload.directory / record.name, record)
    told = [f"{tally.bad} of {tally.states} states are wrong: {dict(tally.wrong)}"]
    for kind, (number, what, choice) in tally.first.items():
        _, image = one_state(workload, MODELS[tally.model], SEED, number)
        (directory / kind).mkdir()
        image.write(directory / kind)
        told += [
            "",
            what,
            choice.told(workload.history),
            f"it is in {directory / kind}; again:",
            f"LOGSRV_POWER_CUT='{record} {tally.model} {SEED} {number}' pytest {__file__} -k again",
        ]
    return "\n".join(told)


@pytest.mark.skipif(not AGAIN, reason="LOGSRV_POWER_CUT='RECORD MODEL SEED NUMBER' is not set")
def test_a_state_named_in_the_environment_is_tried_again(tmp_path):
    record, model, seed, number = AGAIN
    workload = Workload.of("again", Path(record))
    choice, image = one_state(workload, MODELS[model], int(seed), int(number))
    image.write(tmp_path)
    found = workload.check(tmp_path, choice.cut)
    assert not found, "\n".join([choice.told(workload.history), *found, f"it is in {tmp_path}"])
