"""After any power cut in an erase it is done, or not begun, when a server has started; others' lines stay.

    LOGSRV_POWER_CUTS=20000 pytest tests/powercut/test_erases.py

tries 1,000 states under each model instead of 50.
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.notes.erase_plan import is_unfinished
from tests.parts.disks import at
from tests.parts.erasing import everything, hits
from tests.parts.examined_stores import found
from tests.parts.powercut.history import History
from tests.parts.powercut.models import MODELS, Choice, Model, image, sample, tellings
from tests.parts.powercut.recording import operations
from tests.parts.powercut.recovery import use
from tests.powercut.trying import SEED, STATES, different_states, on_disk
from tests.powercut.workloads import STORE, Stage, recorded_stage

pytestmark = pytest.mark.long
COMMAND = (sys.executable, "-P", "-m", "logsrv.cli.main", "erase", "--yes", "--directory")
# Of each 17 lines one has such a word.
ERASED = "word3", "word5"
SHARE = 2
ID = re.compile(rb"<id (\d+)> (word\d+) ")


@attrs.frozen
class Recorded:
    """A record. positions: of each line that stays, by its number."""

    history: History
    positions: dict[int, object]

    def number(self, mark: str, cut: int) -> int:
        """Return the largest number in a mark such as "sent 60" before a cut; 0 without one."""
        found = [
            int(text.split()[1])
            for text, at_ in self.history.marks.items()
            if text.startswith(f"{mark} ") and at_ <= cut
        ]
        return max(found, default=0)


def play(directory: Path, shim: Path) -> Recorded:
    """Record an erase beside a server that goes on, seals and is stopped, and one without a server."""
    with recorded_stage(directory, shim) as stage:
        stage.make_directory()
        stage.start("--rotate-size", "12KiB", "--sync", "always")
        _send(stage, 100)
        stage.sealed(2)
        process = _erase(stage, ERASED[0])
        _send(stage, 60)
        _end(stage, process, "beside")
        stage.stop()
        _end(stage, _erase(stage, ERASED[1]), "alone")
        positions = _positions(stage.store)
    return Recorded(History(operations(stage.recording.path)), positions)


def _send(stage: Stage, count: int) -> None:
    stage.send(count)
    stage.recording.mark(f"sent {stage.next - 1}")


def _erase(stage: Stage, word: str) -> subprocess.Popen[bytes]:
    stage.recording.mark(f"{word} {stage.next - 1}")
    return subprocess.Popen(
        [*COMMAND, str(stage.store), word],
        # With PYTHONPATH, so that a copy of the checkout, such as a mutant, runs its own code.
        env={**os.environ, **stage.recording.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _end(stage: Stage, process: subprocess.Popen[bytes], what: str) -> None:
    assert process.communicate(timeout=PATIENCE)[1] == b"" and process.returncode == 0
    stage.recording.mark(f"erased {what}")


def _positions(store: Path) -> dict[int, object]:
    found = ((ID.search(line), position) for position, line in hits(store, ""))
    return {int(match[1]): position for match, position in found if match}


@pytest.fixture(scope="session")
def recorded(place: Path, shim: Path) -> Recorded:
    return play(place / "erases", shim)


@pytest.mark.parametrize("model", MODELS)
def test_an_erase_is_done_or_not_begun_after_power_cuts(recorded, model):
    chosen = choices_of(recorded, MODELS[model])
    made_of = lambda choice: image(MODELS[model], recorded.history, choice)  # noqa: E731
    tried = begun = 0
    for choice, made in different_states(chosen, made_of, most=STATES // SHARE):
        tried += 1
        with on_disk(made) as root:
            begun += is_unfinished(at(root / STORE))
            wrong = [*misread(root / STORE, recorded)]
            wrong += wrongs(root / STORE, recorded, choice.cut)
        assert not wrong, "\n".join([choice.told(recorded.history), *wrong])
    assert tried == STATES // SHARE and begun > tried // 10


def choices_of(recorded: Recorded, model: Model) -> Iterator[Choice]:
    """Yield states without end, from the beginning of an erase to its end."""
    history, chance = recorded.history, random.Random(SEED)
    marks = history.marks
    begins = [at_ for text, at_ in marks.items() if text.startswith(ERASED)]
    ends = [marks["erased beside"], marks["erased alone"]]
    spans = [*zip(sorted(begins), ends, strict=True)]
    cuts = [cut for cut in history.cuts() if any(begin < cut <= end for begin, end in spans)]
    while True:
        cut = chance.choice(cuts)
        random_one = sample(model, history, cut, chance)
        yield chance.choice([*tellings(model, history, cut), random_one])


def misread(store: Path, recorded: Recorded) -> Iterator[str]:
    """Read what is left as `logsrv search` does before a server starts; yield what is wrong.

    A text beside an index of another text would be read in wrong pieces.
    """
    told: list[str] = []
    with View(str(store), told.append) as view:
        search = Search(view, make_matcher(parse_question("").node), Scope(), processes=1)
        for hit in search.hits():
            match = ID.search(hit.line)
            if match and recorded.positions.get(int(match[1]), hit.position) != hit.position:
                yield f"before a start, line {int(match[1])} is at {hit.position}"
        search.close()
    # Without an index, a text is read by its frames, and that is said.
    if told := [one for one in told if ".idx is not used: No such file" not in one]:
        yield f"before a start, a reader says {told}"


def wrongs(store: Path, recorded: Recorded, cut: int) -> Iterator[str]:
    """Start a server on what is left; yield what is wrong."""
    use(store)
    if is_unfinished(at(store)):
        yield "the erase is still to be finished"
    there = dict(hits(store, ""))
    known = {int(match[1]): match[2] for match in map(ID.search, there.values()) if match}
    # Of later lines, a power cut may leave a part, behind a note of what is missing.
    sent = recorded.number("sent", cut)
    for number in range(1, sent + 1):
        if number in recorded.positions and number not in known:
            yield f"line {number} is lost"
    for position, line in there.items():
        match = ID.search(line)
        number = int(match[1]) if match else sent + 1
        if number <= sent and recorded.positions.get(number, position) != position:
            yield f"line {number} is at {position}"
    for word, what in zip(ERASED, ("beside", "alone"), strict=True):
        # Those that were there when the command began; it finds later ones, too.
        last = recorded.number(word, cut)
        wanted = [number for number in range(1, last + 1) if _has(word, number)]
        left = [number for number in wanted if known.get(number) == word.encode()]
        is_done = recorded.history.marks[f"erased {what}"] <= cut
        if left and (is_done or left != wanted):
            yield f"of the lines {wanted} with {word} are left: {left}"
        if wanted and not left:
            text = b"".join(everything(store).values())
            if any(b"<id %d> " % number in text for number in wanted):
                yield f"a file has a line with {word}"
    if findings := [f"{one.name}: {one.what}" for one in found(store)]:
        yield f"the doctor finds {findings}"


def _has(word: str, number: int) -> bool:
    return f"word{number % 17}" == word
