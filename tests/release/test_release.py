"""What stands against a release, and what its notes are."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.scripts import script
from tests.release.repositories import commit, git

RELEASE_SCRIPT = ROOT / "packaging/release/release.py"
RELEASE = script("release/release.py")
section: Callable[[str, str], tuple[str, str]] = RELEASE["section"]

CHANGELOG = """# Changelog

## 1.1.0 (unreleased)

- What comes.

## 1.0.0 (2026-11-30)

### The line logger

- [Lines](sending.md) are kept.

## 0.9

- The first.
"""


def test_the_section_of_a_version():
    lines = "### The line logger\n\n- [Lines](sending.md) are kept.\n"
    assert section(CHANGELOG, "1.0.0") == ("2026-11-30", lines)
    assert section(CHANGELOG, "1.1.0") == ("unreleased", "- What comes.\n")
    assert section(CHANGELOG, "0.9") == ("", "- The first.\n")
    assert section(CHANGELOG, "1.0") == ("", "")
    assert section(CHANGELOG, "1.0.0.1") == ("", "")


def test_our_version_stands_in_one_place_and_in_the_changelog():
    version = RELEASE["version_of"]((ROOT / "logsrv/__init__.py").read_text())
    assert section((ROOT / "docs/changelog.md").read_text(), version)[1]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose last commit may be released as 1.0.0."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/changelog.md").write_text(CHANGELOG)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        folder = tmp_path / "tests/golden" / version
        folder.mkdir(parents=True)
        for name in ("stores.tar.xz", "answers.json"):
            (folder / name).touch()
        promised = tmp_path / f"tests/corpus/promised/{version}.txt"
        promised.parent.mkdir(parents=True, exist_ok=True)
        promised.touch()
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def objections(repository: Path, version: str = "1.0.0") -> list[str]:
    return list(RELEASE["objections"](repository, version))


def test_files_without_git_are_refused_also_inside_of_another_repository(repository):
    RELEASE["expect_clone"](repository)
    (repository / "unpacked").mkdir()
    with pytest.raises(SystemExit, match="release: only a clone of git has a commit to build"):
        RELEASE["expect_clone"](repository / "unpacked")


@pytest.mark.parametrize("how", [("v1.0.0",), ("--annotate", "--message", "1.0.0", "v1.0.0")])
def test_a_version_is_released_once(repository, how):
    assert objections(repository) == []
    git(repository, "tag", *how)
    assert objections(repository) == []
    commit(repository)
    [said] = objections(repository)
    assert said == "the tag v1.0.0 is at another commit; raise __version__ in logsrv/__init__.py"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.1.0", '"(unreleased)" in the heading of 1.1.0, where the date belongs'),
        ("1.2.0", "docs/changelog.md says nothing of 1.2.0"),
        ("1.3.0", "tests/golden/1.3.0/stores.tar.xz is missing"),
        ("1.3.0", "tests/corpus/promised/1.3.0.txt is missing"),
    ],
)
def test_an_unfinished_step_stands_against_a_release(repository, version, said):
    assert said in "\n".join(objections(repository, version))
    (repository / "new").touch()
    uncommitted = "there are changes that are not committed, and would not be in it"
    assert uncommitted in objections(repository, version)


def test_a_tag_that_only_origin_has_stands_against_a_release(repository, tmp_path_factory):
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--quiet", str(repository), ".")
    git(repository, "tag", "--annotate", "--message", "1.0.0", "v1.0.0")
    assert objections(clone) == []
    commit(clone)
    [said] = objections(clone)
    assert said.startswith("origin has the tag v1.0.0 at another commit; raise __version__")


def test_an_origin_that_does_not_answer_is_said_and_stands_against_nothing(repository, capsys):
    git(repository, "remote", "add", "origin", str(repository / "gone"))
    assert objections(repository) == []
    assert "release: origin does not answer" in capsys.readouterr().out


def test_a_file_of_a_version_is_made_once(tmp_path):
    expect_unpublished = RELEASE["expect_unpublished"]
    sums = "1234  logsrv-1.0.0.tar.gz\n5678  logsrv-1.0.0.md\n"
    expect_unpublished(sums, tmp_path)
    (tmp_path / "SHA256SUMS").write_text(sums)
    expect_unpublished(sums, tmp_path)
    expect_unpublished("9999  logsrv-1.0.1.tar.gz\n", tmp_path)
    with pytest.raises(SystemExit, match=r"logsrv-1\.0\.0\.md is there already, with other bytes"):
        expect_unpublished(sums.replace("5678", "9999"), tmp_path)


def test_a_program_that_is_missing_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    missing_programs = RELEASE["missing_programs"]
    said = list(missing_programs([], ""))
    assert [each.split(" needs ")[0] for each in said] == ["debian-12", "debian-13", "image"]
    assert "apt install mmdebstrap" in said[0] and "SKIP=debian-12" in said[0]
    assert "apt install podman" in said[2] and "SKIP=image" in said[2]
    assert list(missing_programs(["debian-12", "debian-13", "image"], "debian")) == []


def test_an_unknown_part_is_no_part_to_skip():
    words = (sys.executable, RELEASE_SCRIPT, "--skip", "images")
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert "--skip images: it is one of image, debian-12, debian-13" in done.stderr
