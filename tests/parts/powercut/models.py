"""Three models of the state of a file system's medium after a power cut.

A model says, for a cut, which changes of names may be missing and what the files may hold. A `Choice` is
one of these states: some are likely to show a defect, and there are random ones without end.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Protocol

import attrs

from tests.parts.powercut.history import File, History
from tests.parts.powercut.image import Image

PAGE, SECTOR = 4096, 512


@attrs.frozen
class Choice:
    """A state: a cut, the changes of names that did not reach the medium, and the state of the data.

    data: "all" has all data that was written; "none", only the synced data; "zeros", all sizes, but zeros
    for data that was not synced; "hole", all data but a page in the middle; "random" chooses for each file
    by `seed`.
    """

    cut: int
    missing: frozenset[int]
    data: str
    seed: int = 0

    def told(self, history: History) -> str:
        """Return a description of the state for a person."""
        gone = [f"  {number} {history.operations[number]}" for number in sorted(self.missing)]
        before = history.operations[self.cut - 1]
        return "\n".join(
            [
                f"cut behind operation {self.cut - 1} ({before}); data: {self.data}, seed {self.seed};"
            ]
            + (["these names did not reach the disk:", *gone] if gone else ["all names are there"])
        )


class Model(Protocol):
    """The rules of a file system."""

    name: str
    kinds: tuple[str, ...]

    def certain_names(self, history: History, cut: int) -> set[int]:
        """Return the changes of names that are certainly on the medium at a cut."""

    def missing(self, names: list[int]) -> Iterator[frozenset[int]]:
        """Yield sets of uncertain names to leave out: those most likely to show a defect."""

    def some_missing(self, names: list[int], chance: random.Random) -> frozenset[int]:
        """Return one random set of names to leave out."""

    def text(self, history: History, file: File, node: int, choice: Choice) -> bytes:
        """Return what a file holds in a state."""


def tellings(model: Model, history: History, cut: int) -> Iterator[Choice]:
    """Yield the states of a cut that are most likely to show a defect."""
    open_ones = _uncertain(model, history, cut)
    for missing in dict.fromkeys(model.missing(open_ones)):
        for data in model.kinds:
            yield Choice(cut, missing, data)


def sample(model: Model, history: History, cut: int, chance: random.Random) -> Choice:
    """Return a random state of a cut."""
    missing = model.some_missing(_uncertain(model, history, cut), chance)
    return Choice(cut, missing, "random", chance.getrandbits(32))


def image(model: Model, history: History, choice: Choice) -> Image:
    """Return the contents of the disk in a state."""
    kept = [
        one for one in history.names if one.number < choice.cut and one.number not in choice.missing
    ]
    entries = history.entries(kept)
    files = {node: history.files[node] for node in entries.values() if node in history.files}
    texts = {node: model.text(history, file, node, choice) for node, file in files.items()}
    return Image(entries, texts)


def _uncertain(model: Model, history: History, cut: int) -> list[int]:
    certain = model.certain_names(history, cut)
    return [one.number for one in history.names if one.number < cut and one.number not in certain]


def _committed(history: History, cut: int) -> int:
    """Return the operation up to which a journal is on the medium.

    A sync that writes to the journal commits all changes that were logged before it.
    """
    committed = 0
    for file in history.files.values():
        clean = 0
        for sync in file.syncs:
            if sync.end < cut and sync.good:
                if any(clean <= number < sync.begin for number in file.resizing):
                    committed = max(committed, sync.begin)
                clean = sync.begin
    for folder, syncs in history.folders.items():
        names = [one.number for one in history.names if folder in one.folders]
        for sync in syncs:
            if sync.end < cut and sync.good:
                last = max((number for number in names if number < sync.begin), default=-1)
                committed = max(committed, last + 1)
    return committed


def _until(choice: Choice) -> int:
    """Return the operation before which a journal ends in a state."""
    return min(choice.missing, default=choice.cut)


def _pending(file: File, certain: tuple[int, ...], until: int) -> tuple[int, ...]:
    sure = set(certain)
    return tuple(
        place for place, one in enumerate(file.changes) if one.number < until and place not in sure
    )


def _merged(file: File, certain: tuple[int, ...], more: tuple[int, ...]) -> bytes:
    return file.with_changes(sorted({*certain, *more}))


def _without(text: bytes, before: bytes, lost: Iterable[int], unit: int) -> bytes:
    """Return the text with some of its pages as they were before, or zeros where there were none."""
    found = bytearray(text)
    for number in lost:
        if number * unit >= len(text):
            # The text has become shorter.
            continue
        place = slice(number * unit, min(len(text), (number + 1) * unit))
        old = before[place]
        found[place] = old + bytes(place.stop - place.start - len(old))
    return bytes(found)


class Journal:
    """Rules of a file system that logs all changes of names in one order: the last ones may be missing."""

    def certain_names(self, history: History, cut: int) -> set[int]:
        committed = _committed(history, cut)
        return {one.number for one in history.names if one.number < committed}

    def missing(self, names: list[int]) -> Iterator[frozenset[int]]:
        for first in range(len(names), -1, -1):
            yield frozenset(names[first:])

    def some_missing(self, names: list[int], chance: random.Random) -> frozenset[int]:
        return frozenset(names[chance.randint(0, len(names)) :])


class Ordered(Journal):
    """ext4 with data=ordered and delayed allocation.

    Names reach the medium in their order, by one journal that any sync commits. A size does not reach it
    before the data it covers, but perhaps long after a name: a file may end at any page that was not
    synced. A rename over another file writes the data of the new one with it (auto_da_alloc).
    Documentation/filesystems/ext4 of the kernel; ext4(5).
    """

    name = "ext4"
    kinds: tuple[str, ...] = ("all", "none")

    def text(self, history: History, file: File, node: int, choice: Choice) -> bytes:
        certain, until = file.certain(choice.cut), _until(choice)
        with_name = max(
            (
                one.number
                for one in history.names
                if one.number < until and one.replaced and one.entries[0][1] == node
            ),
            default=0,
        )
        certain = tuple(sorted({*certain, *_pending(file, certain, with_name)}))
        pending = _pending(file, certain, until)
        if choice.data == "all" or not pending:
            return _merged(file, certain, pending)
        if choice.data == "none":
            return file.with_changes(certain)
        chance = random.Random(f"{choice.seed} {node}")
        kept = chance.randint(0, len(pending) - 1)
        before = _merged(file, certain, pending[:kept])
        text = _merged(file, certain, pending[: kept + 1])
        borders = [size for size in range(0, len(text), PAGE) if len(before) < size]
        return text[: chance.choice([*borders, len(text)])] if len(text) > len(before) else text


class Sizes(Journal):
    """XFS and its like: names and sizes in the order of one log, and sizes without the data.

    Any page that was not synced may hold zeros, and a file may end anywhere between its synced and its
    written size. A sync writes the log up to the last change of its file. No rename is special.
    Documentation/filesystems/xfs of the kernel, on delayed logging; xfs.org, "files of NULs after a crash".
    """

    name = "xfs"
    kinds: tuple[str, ...] = ("all", "none", "zeros", "hole")

    def text(self, history: History, file: File, node: int, choice: Choice) -> bytes:
        return _any_pages(file, choice, _until(choice), node)


class Subsets:
    """ALICE: what POSIX allows.

    A change of names is certain when its directory was synced after it; any of the others may be missing,
    each as a whole, in any order. Any unsynced page of a file and any unsynced size may be on the medium.
    Pillai and others, "All File Systems Are Not Created Equal", OSDI 2014; fsync(2).
    """

    name = "alice"
    kinds: tuple[str, ...] = ("all", "none", "zeros", "hole")

    def certain_names(self, history: History, cut: int) -> set[int]:
        last = {
            folder: max((one.begin for one in syncs if one.end < cut and one.good), default=0)
            for folder, syncs in history.folders.items()
        }
        return {
            one.number
            for one in history.names
            if all(one.number < last.get(folder, 0) for folder in one.folders)
        }

    def missing(self, names: list[int]) -> Iterator[frozenset[int]]:
        every = frozenset(names)
        yield frozenset()
        for name in names:
            yield frozenset([name])
        yield every
        for name in names:
            yield every - {name}
        for first in range(len(names)):
            yield frozenset(names[first:])

    def some_missing(self, names: list[int], chance: random.Random) -> frozenset[int]:
        share = chance.random()
        return frozenset(name for name in names if chance.random() < share)

    def text(self, history: History, file: File, node: int, choice: Choice) -> bytes:
        return _any_pages(file, choice, choice.cut, node)


def _any_pages(file: File, choice: Choice, until: int, node: int) -> bytes:
    certain = file.certain(choice.cut)
    pending = _pending(file, certain, until)
    before, text = file.with_changes(certain), _merged(file, certain, pending)
    if not pending or choice.data == "all":
        return text
    if choice.data == "none":
        return before
    chance = random.Random(f"{choice.seed} {node}")
    unit = PAGE if choice.data != "random" else chance.choice([PAGE, PAGE, SECTOR])
    changed = sorted(_pages(file, pending, unit))
    if choice.data == "zeros":
        return _without(text, before, changed, unit)
    if choice.data == "hole":
        return _without(text, before, changed[len(changed) // 2 :][:1], unit)
    lost = _some(changed, chance)
    low, high = sorted((len(before), len(text)))
    borders = [size for size in range(0, high, unit) if size > low]
    size = chance.choice([len(text), len(text), low, *borders[:1], chance.choice([*borders, high])])
    return _without(text, before, lost, unit)[:size]


def _pages(file: File, places: Iterable[int], unit: int) -> set[int]:
    """Return the pages that these changes touch."""
    spans = [
        (one.offset, len(one.data)) for one in map(file.changes.__getitem__, places) if one.data
    ]
    return {page for at, size in spans for page in range(at // unit, (at + size - 1) // unit + 1)}


def _some(pages: list[int], chance: random.Random) -> list[int]:
    """Return a share of the pages, or a run of them, as write-back leaves it out."""
    if chance.random() < 0.5:
        first = chance.randrange(len(pages) + 1)
        return pages[first : first + chance.randint(1, 8)]
    share = chance.choice([0.0, 0.2, 0.5, 1.0])
    return [page for page in pages if chance.random() < share]


_ALL: tuple[Model, ...] = (Ordered(), Sizes(), Subsets())
MODELS = {model.name: model for model in _ALL}
