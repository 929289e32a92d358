"""The version of a package: each commit has a higher one, for dpkg as for pip; a release has its number."""

import itertools
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from packaging.version import Version
from tests.parts.programs import program
from tests.parts.scripts import script
from tests.release.repositories import commit, git

SCRIPT = script("version.py")
version: Callable[[Path, Sequence[str], float], str] = SCRIPT["version"]
for_debian: Callable[[str], str] = SCRIPT["for_debian"]

NOW = 1_795_000_000.0
PATHS = ("logsrv", "README.md")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with a commit of 0.2.0, which is to come."""
    (tmp_path / "logsrv").mkdir()
    git(tmp_path, "init", "--quiet")
    raise_to(tmp_path, "0.2.0")
    return tmp_path


def raise_to(clone: Path, number: str) -> None:
    (clone / "logsrv/__init__.py").write_text(f'__version__ = "{number}"\n')
    commit(clone)


def of(clone: Path, now: float = NOW) -> str:
    """The version, without the moment of the commit and its hash."""
    made = version(clone, PATHS, now)
    return re.sub(r"(\d{14})?\+g[0-9a-f]{8}(?=$|\.)", "+g…", made)


def is_less(one: str, other: str) -> bool:
    """Whether dpkg takes the package `other` for an upgrade of `one`."""
    dpkg = program("dpkg", "dpkg")
    return (
        subprocess.run(
            [dpkg, "--compare-versions", one, "lt", other], timeout=5 * PATIENCE
        ).returncode
        == 0
    )


@pytest.mark.slow
def test_each_package_is_an_upgrade_of_those_before(clone):
    """From one release by an alpha and a candidate to the next, and behind it."""
    made = ["0.1.0"]

    def build(now: float = NOW) -> None:
        made.append(version(clone, PATHS, now))

    for _ in range(10):
        build()
        commit(clone)
    raise_to(clone, "0.2.0a1")
    build()
    raise_to(clone, "0.2.0rc1")
    build()
    git(clone, "tag", "v0.2.0rc1")
    build()
    commit(clone)
    build()
    raise_to(clone, "0.2.0")
    build()
    (clone / "logsrv/changed.py").touch()
    build()
    build(NOW + 1)
    (clone / "logsrv/changed.py").unlink()
    commit(clone)
    git(clone, "tag", "--annotate", "--message", "0.2.0", "v0.2.0")
    build()
    commit(clone)
    build()
    raise_to(clone, "0.2.1")
    build()

    assert {"0.2.0rc1", "0.2.0"} < set(made)
    for one, other in itertools.pairwise(made):
        assert Version(one) < Version(other)
        assert is_less(for_debian(one), for_debian(other)), (one, other)


def test_as_debian_writes_it():
    assert for_debian("0.2.0") == "0.2.0"
    assert for_debian("0.2.0rc1") == "0.2.0~rc1"
    assert for_debian("0.2.0.dev5+ga1b2c3d4") == "0.2.0~~dev5+ga1b2c3d4"
    assert for_debian("0.2.0b1.dev5+ga1b2c3d4") == "0.2.0~b1~~dev5+ga1b2c3d4"
    assert for_debian("0.2.0.post5+ga1b2c3d4") == "0.2.0.post5+ga1b2c3d4"


def test_uncommitted_changes_of_what_is_packed_add_the_time(clone):
    """Also those of a release, which is the same for all who build it; a test is not in the package."""
    (clone / "tests").mkdir()
    (clone / "tests/test_new.py").touch()
    assert of(clone) == "0.2.0.dev+g…"
    (clone / "README.md").touch()
    assert of(clone) == "0.2.0.dev+g….d20261118110640"
    git(clone, "tag", "v0.2.0")
    assert of(clone) == "0.2.0.post+g….d20261118110640"


def test_a_shallow_clone_has_the_same_version(clone, tmp_path):
    """It sees the tag of its own commit, not one behind it."""
    commit(clone)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{clone}", str(shallow))
    assert version(shallow, PATHS, NOW) == version(clone, PATHS, NOW)
    git(clone, "tag", "v0.2.0")
    git(shallow, "fetch", "--tags")
    assert of(shallow) == "0.2.0"
