"""packaging/lighten.py: environments without what logsrv never loads."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.programs import program
from tests.parts.scripts import script

LIGHTEN = script("lighten.py")
unneeded: Callable[[Path], Iterator[Path]] = LIGHTEN["unneeded"]
strip_libraries: Callable[[Path], list[Path]] = LIGHTEN["strip_libraries"]
# The distributions that lose files; the others are linked.
COPIED = ("pyarrow", "numpy", "zstandard")


def test_what_pyarrow_loads_stays(tmp_path):
    for name in ("lib.cpython-311.so", "libarrow.so.2600", "libarrow_python.so.2600", "fs.py"):
        (tmp_path / "pyarrow").mkdir(exist_ok=True)
        (tmp_path / "pyarrow" / name).touch()
    gone = {
        "libarrow_flight.so.2600",
        "libarrow_python.so",
        "libarrow_python.so.2600.1.0",
        "lib.pxd",
    }
    for name in gone:
        (tmp_path / "pyarrow" / name).touch()
    assert {path.name for path in unneeded(tmp_path)} == gone


def test_stripping_changes_no_file_that_another_environment_has_too(tmp_path):
    """uv links what it installs: to its cache, and so to every other environment."""
    program("strip", "binutils")
    found = sorted(Path(sysconfig.get_path("platlib"), "zstandard").glob("backend_c*.so"))
    own, other = tmp_path / "zstandard" / found[0].name, tmp_path / "other.so"
    own.parent.mkdir()
    shutil.copy(found[0], other)
    before = other.read_bytes()
    os.link(other, own)
    assert strip_libraries(tmp_path) == [own]
    assert other.read_bytes() == before
    assert own.stat().st_size <= len(before) and not own.samefile(other)


def test_libraries_that_were_changed_after_linking_are_not_stripped(tmp_path):
    (tmp_path / "zstandard.libs").mkdir()
    (tmp_path / "zstandard").mkdir()
    (tmp_path / "zstandard/backend_c.so").write_text("no library, so strip would fail")
    assert strip_libraries(tmp_path) == []


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment with all that this one has; lightening it changes only the copies."""
    folder = tmp_path / "environment"
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for path in Path(sysconfig.get_path("platlib")).iterdir():
        if path.name in COPIED:
            shutil.copytree(path, packages / path.name)
        elif not path.name.startswith("__"):
            (packages / path.name).symlink_to(path)
    return folder


@pytest.mark.long
def test_columns_are_made_and_read_with_the_rest(environment, tmp_path):
    command = [sys.executable, str(ROOT / "packaging/lighten.py"), str(environment)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    assert not list(environment.rglob("*flight*.so*"))
    text = "".join(f'{{"app":"shop","n":{n},"msg":"sold {n}"}}\n' for n in range(200_000))
    (tmp_path / "shop.log").write_text(text)

    def logsrv(*words: str) -> str:
        start = "import sys; from logsrv.cli.main import program; sys.exit(program())"
        done = subprocess.run(
            [environment / "bin/python", "-c", start, *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    logsrv("import", "--directory", str(tmp_path / "lines"), str(tmp_path / "shop.log"))
    assert "made its columns" in logsrv("reindex", "--directory", str(tmp_path / "lines"))
    asked = ("--directory", str(tmp_path / "lines"), "--stats", "| count by app")
    answer = logsrv("search", *asked)
    assert "shop  200000" in answer and "; by columns: " in answer


def test_a_release_with_other_parts_ends_the_build_with_a_sentence(tmp_path):
    """What is left is tried; here it lacks everything."""
    packages = tmp_path / "lib/python3.11/site-packages/pyarrow"
    packages.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/bin/false")
    command = [sys.executable, str(ROOT / "packaging/lighten.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.endswith("lacks a file now that logsrv loads: see UNNEEDED\n")
