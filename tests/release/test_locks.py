"""packaging/locks: every version that the package and the image install, with its sums."""

import re
from collections.abc import Callable, Iterable

import pytest

from tests.parts.archives import ROOT
from tests.parts.scripts import script

LOCKS = script("locks.py")
for_extras: Callable[[Iterable[str]], str] = LOCKS["for_extras"]
locked: Callable[[str], dict[str, str]] = LOCKS["locked"]
# NAME[EXTRA] >= VERSION, as all requirements of setup.cfg are.
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z0-9,]+\])? >= ([0-9.]+)")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def requirements() -> dict[str, list[tuple[str, str]]]:
    """Return what setup.cfg asks for, by the name of the lock."""
    text = (ROOT / "setup.cfg").read_text()
    base = text.partition("install_requires =\n")[2].partition("\n\n")[0]
    found = {"base": REQUIREMENT.findall(base)}
    for extra in LOCKS["extras"](text):
        own = text.partition(f"\n{extra} =\n")[2]
        lines = own.partition("\n" + next(iter(re.findall(r"\n([^ \n])", own)), ""))[0]
        found[extra] = REQUIREMENT.findall(lines)
    return found


@pytest.mark.parametrize("name", requirements())
def test_a_lock_has_all_that_setup_cfg_asks_for(name):
    """`make locks` writes them again after a requirement has changed."""
    text = for_extras([] if name == "base" else [name])
    versions: dict[str, list[str]] = {}
    for line in locked(text):
        pinned, version = re.split(r"==| ;", line)[:2]
        versions.setdefault(plain(pinned), []).append(version)
    for asked, oldest in requirements()[name]:
        assert plain(asked) in versions, f"make locks: {name}.txt lacks {asked}"
        for version in versions[plain(asked)]:
            assert number(version) >= number(oldest), f"make locks: {asked} is too old"


@pytest.mark.parametrize("tool", ["archives", "package", "release", "sbom", "pip"])
def test_a_lock_of_tools_has_the_versions_that_a_person_has_raised(tool):
    lines = locked((ROOT / f"packaging/locks/{tool}.txt").read_text())
    for file in LOCKS["TOOLS"][tool]:
        text = (ROOT / "packaging" / file).read_text()
        for pinned in re.findall(r"(?m)^[a-z][\w.-]+==\S+", text):
            assert pinned in lines, f"make locks: {file} has {pinned}"


def test_each_line_of_a_lock_has_sums():
    for file in (ROOT / "packaging/locks").glob("*.txt"):
        text = re.sub(r"(?m)^#.*\n", "", file.read_text())
        assert "".join(locked(text).values()) == text != "", file.name
        assert not re.search(r"--hash=(?!sha256:[0-9a-f]{64})", text)


def test_extras_together_have_each_line_once():
    lines = for_extras(["columns", "senders", "sql"]).splitlines()
    assert sum(line.startswith("duckdb==") for line in lines) == 1
    with pytest.raises(ValueError, match="logsrv has no extra mongo"):
        for_extras(["mongo"])
    with pytest.raises(ValueError, match="logsrv has no extra release"):
        for_extras(["release"])


def test_raising_one_library_keeps_all_others_at_their_versions():
    """`make locks ONLY=cryptography`, for a library with a fault."""
    kept = LOCKS["kept_versions"](["cryptography"], ["columns"]).splitlines()
    there = list(locked(for_extras(["columns"])))
    assert sorted(there) == sorted(
        [*kept, *(one for one in there if one.startswith("cryptography=="))]
    )
    assert any(one.startswith("pyarrow==") for one in kept)
    with pytest.raises(SystemExit, match="no lock of logsrv has cryptograhpy"):
        LOCKS["kept_versions"](["cryptograhpy"], ["columns"])
