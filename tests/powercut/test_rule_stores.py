"""Power cuts of a server that sorts lines into two stores: each has its acknowledged ones."""

from pathlib import Path

import attrs
import pytest

from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, image
from tests.powercut.checking import wrongs
from tests.powercut.seen import Looks
from tests.powercut.trying import SEED, STATES, choices, different_states, on_disk
from tests.powercut.workloads import STORE, recorded_stage

EVEN = f"{STORE}/stores/even"
# So many lines come before the first rule.
IN_MAIN = 20
RULES = "[[retention]]\nname = \"even\"\nmatch = '/<id \\d*[02468]>/'\n"


@pytest.fixture(scope="module")
def history(place: Path, shim: Path) -> History:
    """Lines in two stores, over a rotation of each and a kill; the first ones are from before the rule."""
    with recorded_stage(place / "rules", shim) as stage:
        stage.make_directory()
        stage.recording.mark("policy always")
        rules = place / "rules" / "rules.toml"
        rules.write_text(RULES)
        options: tuple[str, ...] = ("--sync", "always", "--rotate-size", "8KiB")
        stage.start(*options)
        stage.send(IN_MAIN)
        stage.stop()
        options += ("--config", str(rules))
        stage.start(*options)
        stage.send(50)
        # Each alone: nothing of the main store makes up for an early answer.
        stage.send(30, window=1)
        stage.sealed(1)
        stage.send_and_kill(20)
        stage.start(*options)
        stage.send(20)
        stage.stop()
    return History(stage.recording.operations())


@pytest.mark.slow
@pytest.mark.minutes(10)
@pytest.mark.parametrize("model", MODELS)
def test_both_stores_have_their_promised_lines_after_power_cuts(history, model):
    main, even = Looks(history, STORE), Looks(history, EVEN)
    made_of = lambda choice: image(MODELS[model], history, choice)  # noqa: E731
    tried = 0
    chosen = choices(MODELS[model], history, SEED)
    for choice, made in different_states(chosen, made_of, most=STATES):
        tried += 1
        promised = main.before(choice.cut).promised
        in_even = frozenset(one for one in promised if one > IN_MAIN and not one % 2)
        with on_disk(made) as root:
            wrong = [
                *wrongs(
                    root / STORE, attrs.evolve(main.before(choice.cut), promised=promised - in_even)
                ),
                *wrongs(root / EVEN, attrs.evolve(even.before(choice.cut), promised=in_even)),
            ]
        assert not wrong, "\n".join([choice.told(history), *wrong])
    assert tried == STATES
