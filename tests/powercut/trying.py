"""Trials of the states of a workload under a model: each is created, recovered, checked and counted."""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.parts.powercut.history import History
from tests.parts.powercut.image import Image
from tests.parts.powercut.models import MODELS, Choice, Model, image, sample, tellings
from tests.parts.powercut.recording import operations
from tests.parts.store_reader import stored_bytes
from tests.powercut.checking import wrongs, wrongs_of_import
from tests.powercut.seen import Looks, scratch
from tests.powercut.workloads import STORE, import_again

SEED = 18
# After so many states in a row that were tried before, no new ones are expected.
IN_VAIN = 200


def choices(model: Model, history: History, seed: int) -> Iterator[Choice]:
    """Yield states without end, the same for the same seed: two chosen ones, then a random one."""
    chance = random.Random(seed)
    cuts = history.cuts()
    telling = [choice for cut in cuts for choice in tellings(model, history, cut)]
    chance.shuffle(telling)
    for number in itertools.count():
        if telling and number % 3:
            yield telling.pop()
        else:
            yield sample(model, history, chance.choice(cuts), chance)


@attrs.define
class Workload:
    """A recorded workload; `directory` has the record.

    check: returns what is wrong after a cut, once its state is on the disk.
    key: returns what must hold after a cut; equal disks with equal keys are the same state.
    """

    name: str
    directory: Path
    history: History
    check: Callable[[Path, int], list[str]]
    key: Callable[[int], object]

    @classmethod
    def of(cls, name: str, record: Path) -> Workload:
        history, directory = History(operations(record)), record.parent
        if "policy import" in history.marks:
            whole = image(
                MODELS["alice"], history, Choice(history.marks["imported"], frozenset(), "all")
            )
            wanted = lines_of(whole)

            def check(root: Path, cut: int) -> list[str]:
                return wrongs_of_import(root / STORE, wanted, import_again)

            return cls(name, directory, history, check, lambda cut: None)
        looks = Looks(history, STORE)
        return cls(
            name,
            directory,
            history,
            lambda root, cut: wrongs(root / STORE, looks.before(cut)),
            lambda cut: (looks.before(cut).promised, looks.before(cut).end),
        )


def lines_of(whole: Image) -> list[bytes]:
    """Return the lines of the store, read without code of logsrv."""
    with on_disk(whole) as root:
        return stored_bytes(root / STORE).splitlines()


@contextmanager
def on_disk(made: Image) -> Iterator[Path]:
    """Give a directory that has the files of a state, within the block."""
    with tempfile.TemporaryDirectory(prefix="cut.", dir=scratch()) as place:
        made.write(Path(place))
        yield Path(place)


@attrs.define
class Tally:
    """Counts of one workload under one model: states tried, equal ones left out, wrong ones by kind.

    first: for each kind the first wrong state: its number, the error, and the state.
    """

    workload: str
    model: str
    states: int = 0
    equal: int = 0
    bad: int = 0
    wrong: Counter[str] = attrs.field(factory=Counter)
    first: dict[str, tuple[int, str, Choice]] = attrs.field(factory=dict)

    def count(self, number: int, choice: Choice, found: list[str]) -> None:
        self.states += 1
        self.bad += bool(found)
        for kind, what in {one.partition(":")[0]: one for one in reversed(found)}.items():
            self.wrong[kind] += 1
            self.first.setdefault(kind, (number, what, choice))


def tried(workload: Workload, model: Model, states: int, seed: int = SEED) -> Tally:
    """Try so many different states, or all that are found, and count them."""
    tally = Tally(workload.name, model.name)
    known: set[tuple[bytes, object]] = set()
    vain = 0
    for number, choice in enumerate(choices(model, workload.history, seed)):
        if tally.states >= states or vain > IN_VAIN:
            return tally
        made = image(model, workload.history, choice)
        key = made.digest(), workload.key(choice.cut)
        if key in known:
            tally.equal += 1
            vain += 1
            continue
        known.add(key)
        vain = 0
        with on_disk(made) as root:
            tally.count(number, choice, workload.check(root, choice.cut))
    raise AssertionError("there are states without end")


def one_state(workload: Workload, model: Model, seed: int, number: int) -> tuple[Choice, Image]:
    """Return a state by its number."""
    choice = next(itertools.islice(choices(model, workload.history, seed), number, None))
    return choice, image(model, workload.history, choice)


STATES = int(os.environ.get("LOGSRV_POWER_CUTS", "2000")) // 20


def different_states(
    found: Iterator[Choice],
    make: Callable[[Choice], Image],
    key: Callable[[int], object] = lambda cut: None,
    *,
    most: int,
) -> Iterator[tuple[Choice, Image]]:
    """Yield states that differ from all before: so many, or those among ten times STATES choices.

    make: returns the state of a choice. key: returns what must hold after a cut, as that of a `Workload`.
    """
    known: set[tuple[bytes, object]] = set()
    for choice in itertools.islice(found, 10 * STATES):
        made = make(choice)
        state = made.digest(), key(choice.cut)
        if state not in known:
            known.add(state)
            yield choice, made
        if len(known) == most:
            return


RECORDS = int(os.environ.get("LOGSRV_POWER_CUT_RECORDS", "1"))
