"""The imports between the entries of a folder have no cycle."""

import pytest

from tests.parts.modules import MODULES, imported, name_of

pytestmark = pytest.mark.slow


def rooms() -> dict[str, tuple[set[str], set[tuple[str, str]]]]:
    """Return, for each folder, its files and folders, and which of them imports which (the arrows)."""
    names = {name_of(path): path for path in MODULES}
    arrows = [
        (name, other)
        for name, path in names.items()
        # The __init__.py of a package offers the names inside it.
        if path.name != "__init__.py"
        for other in imported(path)
        if other in names
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
