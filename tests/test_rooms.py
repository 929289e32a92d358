"""The imports between the entries of a folder have no cycle."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.layers import LEAVES, within
from tests.parts.modules import MODULES, imported, name_of

pytestmark = pytest.mark.slow

# An import that leads this many folders away is far; the shares of those that stay, and of the far ones.
# A leaf takes much from the rooms below it.
FAR = 3
INSIDE, AWAY = 0.59, 0.2


def rooms() -> dict[str, tuple[set[str], set[tuple[str, str]]]]:
    """Return, for each folder, its files and folders, and which of them imports which (the arrows)."""
    names = {name_of(path): path for path in MODULES}
    arrows = [
        (name, other)
        for name, path in names.items()
        # The __init__.py of a package offers the names inside it.
        if path.name != "__init__.py"
        for other in imported(path)
        # Nothing imports a leaf, so no cycle goes through it, wherever its folder stands.
        if other in names and not leaves_a_leaf(name, other)
    ]
    found = {}
    for folder in (name for name, path in names.items() if path.name == "__init__.py"):
        depth = folder.count(".") + 1

        def inside(name: str, folder: str = folder, depth: int = depth) -> str:
            return name.split(".")[depth] if name.startswith(folder + ".") else ""

        pairs = {(inside(one), inside(other)) for one, other in arrows}
        found[folder] = (
            {inside(name) for name in names} - {""},
            {(one, other) for one, other in pairs if one and other and one != other},
        )
    return found


def leaves_a_leaf(name: str, other: str) -> bool:
    """Return whether a module of a leaf imports one outside it."""
    return any(within(name, leaf) and not within(other, leaf) for leaf in LEAVES)


def room_of(name: str) -> str:
    """Return the room of a module: the kit, gopher, the commands, or a folder of linelog."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[1:2] == ["linelog"] else 2])


def test_most_imports_of_a_room_stay_inside_it():
    """Imports of the kit and of single files beside it are not counted: all rooms are made of them."""
    names = {name_of(path): path for path in MODULES}
    single = {name for name in names if name.count(".") == 1 and names[name].name != "__init__.py"}
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    far = 0
    for name, path in names.items():
        for other in {each for each in imported(path) if each in names} - single:
            home, there = room_of(name), room_of(other)
            if path.name == "__init__.py" or (there == "logsrv.kit" and home != there):
                continue
            (inside if home == there else outside)[home] += 1
            far += steps_between(path.parent, names[other].parent) >= FAR
    for room in sorted({*inside, *outside}):
        print(f"{inside[room]:4} inside, {outside[room]:4} outside: {room}")
    number = inside.total() + outside.total()
    print(f"{inside.total() / number:.0%} inside, {far / number:.0%} at least {FAR} folders away")
    assert inside.total() >= INSIDE * number and far <= AWAY * number


def steps_between(one: Path, other: Path) -> int:
    """Return how many folders a reader leaves and enters from one folder to another."""
    shared = Path(os.path.commonpath([one, other])).parts
    return len(one.parts) + len(other.parts) - 2 * len(shared)


def test_entries_of_folders_and_imports_between_them_are_printed():
    """By `make figures`, without a bound: one of 25 entries made folders deep, and no subject clearer."""
    found = rooms()
    for folder, (inside, arrows) in sorted(found.items(), key=lambda each: -len(each[1][1])):
        print(f"{len(inside):3} {len(arrows):3} {folder}")
    assert found


def test_imports_between_the_entries_of_a_folder_have_no_cycle():
    """There is no cycle of imports among the files and folders of a folder."""
    for folder, (inside, arrows) in rooms().items():
        above = set(arrows)
        for middle in inside:
            above |= {
                (one, other)
                for one in inside
                for other in inside
                if (one, middle) in above and (middle, other) in above
            }
        assert not {one for one, other in above if one == other}, folder
