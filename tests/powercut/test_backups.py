"""No power cut loses a segment that a backup has reported, and the next backup continues from the files
left.

    LOGSRV_POWER_CUTS=40000 pytest tests/powercut/test_backups.py

tries 250 states of each record under each model instead of 12.
"""

import errno
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.backup.backup_command import copy_store
from tests.parts.examined_stores import found
from tests.parts.powercut.history import History
from tests.parts.powercut.image import Image
from tests.parts.powercut.models import MODELS, Choice, Model, image, sample, tellings
from tests.parts.powercut.recording import Kind, operations
from tests.parts.powercut.recovery import use
from tests.parts.store_reader import stored_bytes
from tests.powercut.seen import ID
from tests.powercut.trying import SEED, STATES, different_states, on_disk
from tests.powercut.workloads import STORE, Stage, recorded_stage

pytestmark = pytest.mark.long
BACKUP, RESTORED = "b/backup", "c/restored"
COMMAND = (sys.executable, "-P", "-m", "logsrv.cli.main")
# A state of these takes so many times as long as one of shipping.
SHARE = 8


@attrs.frozen
class Recorded:
    """A record. texts: text of each completed backup. apart: the store is on another machine."""

    history: History
    texts: list[bytes]
    apart: bool

    def done(self, cut: int) -> int:
        """Return how many backups were complete before a cut."""
        return sum(at <= cut for mark, at in self.history.marks.items() if mark.startswith("done "))

    def image(self, model: Model, choice: Choice) -> Image:
        """Return the contents of the disk in a state; a store on another machine has all of its data."""
        made = image(model, self.history, choice)
        if not self.apart:
            return made
        store = image(model, self.history, Choice(choice.cut, frozenset(), "all"))
        entries = {path: node for path, node in made.entries.items() if not path.startswith("a")}
        entries |= {path: node for path, node in store.entries.items() if path.startswith("a")}
        # A file has names on one machine only.
        return Image(entries, {**made.texts, **_texts_below("a", store)})


def _texts_below(folder: str, whole: Image) -> dict[int, bytes]:
    nodes = {node for path, node in whole.entries.items() if path.startswith(folder)}
    return {node: text for node, text in whole.texts.items() if node in nodes}


@attrs.define
class Backups:
    """Backups of a running store, and a restore of one."""

    stage: Stage
    texts: list[bytes] = attrs.field(factory=list)

    def take(self, *, sent: int = 0) -> None:
        """Take a backup, and send lines meanwhile."""
        process = self._begin("backup", str(self.stage.store), self._path(BACKUP))
        if sent:
            self.stage.send(sent, window=4)
        assert process.communicate(timeout=PATIENCE)[1] == b"" and process.returncode == 0
        self.texts.append(stored_bytes(Path(self._path(BACKUP))))
        self.stage.recording.mark(f"done {len(self.texts)}")

    def break_off(self) -> None:
        """Begin a backup that finds the disk full when all segments are copied."""
        self.stage.recording.fail(Kind.RENAME, "*/number.coming.tmp", errno.ENOSPC, place=7)
        process = self._begin("backup", str(self.stage.store), self._path(BACKUP))
        assert (
            b"No space left" in process.communicate(timeout=PATIENCE)[1] and process.returncode == 1
        )

    def bring_back(self) -> None:
        process = self._begin("restore", "--from", self._path(BACKUP), self._path(RESTORED))
        assert process.communicate(timeout=PATIENCE)[1] == b"" and process.returncode == 0
        self.stage.recording.mark("restored")

    def _path(self, name: str) -> str:
        return str(self.stage.recording.root / name)

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.stage.recording.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def play(directory: Path, shim: Path, *, apart: bool) -> Recorded:
    """Record a first backup, a later one, one broken off, one after a kill of the server, and a restore."""
    with recorded_stage(directory, shim, ("No space left",)) as stage:
        stage.make_directory()
        for folder in "b", "c":
            (stage.recording.root / folder).mkdir()
            stage.recording.mark(f"there {folder}")
        if apart:
            stage.recording.fail(Kind.LINK, "*.zst*", errno.EXDEV, times=1 << 30)
        backups = Backups(stage)
        stage.start("--rotate-size", "12KiB")
        stage.send(60)
        backups.take(sent=120)
        stage.send(40)
        backups.break_off()
        stage.send_and_kill(40)
        backups.take()
        # Segments that wait to be sealed are not synced then.
        stage.recording.fail(Kind.CREATE, f"*/{STORE}/0*.tmp", errno.ENOSPC, times=1 << 30, place=6)
        stage.start("--rotate-size", "12KiB", "--sync", "never")
        stage.send(100)
        backups.take(sent=80)
        backups.bring_back()
        stage.stop()
    return Recorded(History(operations(stage.recording.path)), backups.texts, apart)


@pytest.fixture(scope="session", params=[False, True], ids=["one disk", "two machines"])
def recorded(request: pytest.FixtureRequest, place: Path, shim: Path) -> Recorded:
    return play(place / f"backups{request.param}", shim, apart=request.param)


@pytest.mark.parametrize("model", MODELS)
def test_a_backup_keeps_its_lines_after_power_cuts(recorded, model):
    found, make = choices_of(recorded, MODELS[model]), partial(recorded.image, MODELS[model])
    tried = 0
    for choice, made in different_states(found, make, recorded.done, most=STATES // SHARE):
        tried += 1
        with on_disk(made) as root:
            wrong = [*as_it_was(root, recorded, choice.cut), *goes_on(root, recorded, choice.cut)]
        assert not wrong, "\n".join([choice.told(recorded.history), *wrong])
    assert tried == STATES // SHARE


def choices_of(recorded: Recorded, model: Model) -> Iterator[Choice]:
    """Yield states without end, from the first operation of a backup on."""
    history, chance = recorded.history, random.Random(SEED)
    begin = next(n for n, one in enumerate(history.operations) if one.path.startswith(BACKUP))
    cuts = [cut for cut in history.cuts() if cut > begin]
    while True:
        cut = chance.choice(cuts)
        random_one = sample(model, history, cut, chance)
        yield chance.choice([*tellings(model, history, cut), random_one])


def as_it_was(root: Path, recorded: Recorded, cut: int) -> Iterator[str]:
    """Restore the backup; yield what is wrong: it must have the text before or after the latest backup."""
    number = recorded.done(cut)
    allowed = recorded.texts[max(0, number - 1) : number + 1]
    findings = found(root / BACKUP) if number else []
    if findings and "`logsrv backup` was interrupted (coming)" not in {one.why for one in findings}:
        yield f"the doctor finds {findings}"
    try:
        copy_store(str(root / BACKUP), str(root / "first"), "restore")
    except StoreError as error:
        if number:
            yield f"it is refused: {error}"
    else:
        yield from wrongs(root / "first", allowed)
    restored = root / RESTORED
    if cut >= recorded.history.marks["restored"]:
        yield from wrongs(restored, recorded.texts[-1:])
    elif restored.exists():
        # At the end of a restore the directory is already a store.
        if (restored / "backup").exists() or not (restored / "current.log").exists():
            copy_store(str(root / BACKUP), str(restored), "restore")
        yield from wrongs(restored, allowed)


def goes_on(root: Path, recorded: Recorded, cut: int) -> Iterator[str]:
    """Start the store again, back it up, restore the backup; yield what is wrong."""
    store, backup = root / STORE, root / BACKUP
    if not (store / "current.log").exists():
        return
    if cut % 2:
        # The backup starts before the server when the power comes back.
        copy_store(str(store), str(backup), "backup")
    use(store)
    text = stored_bytes(store)
    had = recorded.texts[recorded.done(cut) - 1] if recorded.done(cut) else b""
    if not text.startswith(had):
        yield f"the backup had what the store has lost: {differ(text, [had])}"
    if damaged := copy_store(str(store), str(backup), "backup").damaged:
        yield f"damaged: {damaged}"
    yield from wrongs(backup, [text])
    copy_store(str(backup), str(root / "second"), "restore")
    yield from wrongs(root / "second", [text])


def wrongs(directory: Path, allowed: list[bytes]) -> Iterator[str]:
    text = stored_bytes(directory)
    if text not in allowed:
        yield f"{directory.name} has {differ(text, allowed)}"
    if findings := [f"{one.name}: {one.what}" for one in found(directory)]:
        yield f"the doctor finds in {directory.name}: {findings}"


def differ(text: bytes, allowed: list[bytes]) -> str:
    lines = [f"{len(ID.findall(one))} lines in {len(one)} bytes" for one in (text, *allowed)]
    return " and not ".join(lines)
