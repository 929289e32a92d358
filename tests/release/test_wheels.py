"""The wheels `logsrv-kit` and `logsrv` in empty environments: alone, together, of two versions."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import RELEASE, Archives
from tests.parts.programs import missing
from tests.parts.scripts import script

SLOW = 5 * PATIENCE
PARTS = script("wheels/parts.py")
pair: Callable[..., list[Path]] = script("wheels/pair.py")["pair"]
pytestmark = [pytest.mark.long, pytest.mark.minutes(10)]


class Pair(NamedTuple):
    kit_source: Path
    kit: Path
    rest: Path


@pytest.fixture(scope="module")
def wheels(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(*pair(archives.source, archives.wheel, tmp_path_factory.mktemp("pair")))


class Environment:
    """A virtual environment with nothing in it at first."""

    def __init__(self, place: Path, python: str | Path = sys.executable) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        uv = shutil.which("uv", path=path)
        if uv is None:
            missing("there is no uv")
        self.uv = str(uv)
        self.bin = place / "bin"
        # Nothing may be imported from the checkout.
        self.place = place.parent / f"{place.name} work"
        self.place.mkdir()
        self.run(python, "-m", "venv", "--without-pip", place)
        [self.packages] = place.glob("lib/*/site-packages")

    def run(self, *command: Any, status: int = 0) -> str:
        environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=self.place, env=environment, capture_output=True, text=True, timeout=SLOW
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    def install(self, *what: Any, status: int = 0) -> str:
        """Install by uv, which takes two seconds where pip takes fifteen."""
        python = ("--python", self.bin / "python")
        return self.run(self.uv, "pip", "install", "--quiet", *python, *what, status=status)

    def pip(self, *words: Any, status: int = 0) -> str:
        return self.run(
            sys.executable, "-m", "pip", "--python", self.bin / "python", *words, status=status
        )

    def files(self) -> set[str]:
        """Return what is there of both distributions."""
        found = [*self.packages.glob("logsrv/**/*"), *self.packages.glob("twisted/plugins/logsrv*")]
        return {
            path.relative_to(self.packages).as_posix()
            for path in found
            if path.is_file() and path.suffix != ".pyc"
        }


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def of_version(wheel: Path, version: str, out: Path) -> Path:
    """Return a copy of a wheel that says it is of another version."""
    found = PARTS["read_wheel"](wheel)
    text = (
        found.info["METADATA"]
        .decode()
        .replace(f"\nVersion: {found.version}\n", f"\nVersion: {version}\n")
    )
    text = text.replace(f"logsrv-kit == {found.version}", f"logsrv-kit == {version}")
    out.mkdir(exist_ok=True)
    changed = found._replace(info=found.info | {"METADATA": text.encode()})
    return Path(PARTS["write_wheel"](changed, out))


def test_each_file_is_in_one_of_the_two(archives, wheels):
    kit, rest, whole = files_of(wheels.kit), files_of(wheels.rest), files_of(archives.wheel)
    assert kit & rest == set()
    assert kit | rest == {name for name in whole if ".data/" not in name}
    installed = {name for name in archives.kept if name.startswith(("logsrv/", "twisted/plugins/"))}
    assert kit | rest == installed


def test_the_kit_alone(environment, wheels, tmp_path):
    environment.install(wheels.kit)
    assert environment.files() == files_of(wheels.kit)
    assert "No broken requirements" in environment.pip("check")
    said = environment.run(sys.executable, RELEASE / "installed.py", "--kit", environment.bin)
    assert "greet greets" in said
    refused = environment.run(environment.bin / "logsrv", "new", "x", "--kind", "input", status=1)
    # With pip, or with uv where it has made the environment.
    assert refused.startswith("logsrv new: --kind input needs the line logger: ")
    assert str(environment.bin) in refused
    assert refused.endswith((f"pip install {wheels.rest}\n", f"/python {wheels.rest}\n"))
    # A project of its own: its tests pass, and its server imports little.
    environment.run(environment.bin / "logsrv", "new", "shout")
    project = environment.place / "shout"
    assert f"LOGSRV ?= {wheels.kit}\n" in (project / "local.mk").read_text()
    environment.install("--editable", f"{project}[test]")
    assert "4 passed" in environment.run(environment.bin / "python", "-m", "pytest", "-q", project)
    told = environment.run(
        environment.bin / "python",
        "-c",
        "import json, sys\n"
        "from twisted.plugins.shout_plugin import shout\n"
        "options = shout.options()\n"
        "options.parseOptions(['--listen', 'tcp:0:interface=127.0.0.1'])\n"
        "shout.makeService(options)\n"
        "print(json.dumps(sorted(sys.modules)))",
    )
    loaded = set(json.loads(told))
    late = {"numpy", "re2", "orjson", "msgpack", "zstandard", "jinja2", "prometheus_client"}
    assert loaded & (late | {"twisted.web.http", "twisted.web.server", "twisted.conch"}) == set()


def test_both_together_and_one_away_again(environment, wheels):
    environment.install(wheels.kit, wheels.rest)
    assert environment.files() == files_of(wheels.kit) | files_of(wheels.rest)
    assert "No broken requirements" in environment.pip("check")
    said = environment.run(sys.executable, RELEASE / "installed.py", environment.bin)
    assert "logsrv search finds the line that was sent" in said
    environment.pip("uninstall", "--yes", "logsrv")
    assert environment.files() == files_of(wheels.kit)
    assert "needs the line logger" in environment.run(
        environment.bin / "logsrv", "search", "x", status=2
    )


@pytest.mark.nightly
def test_on_each_python_the_kit_and_then_the_rest(each_python, wheels, tmp_path):
    environment = Environment(tmp_path / "environment", each_python)
    for wheel, words, said in (
        (wheels.kit, ["--kit"], "greet greets"),
        (wheels.rest, [], "logsrv search finds the line that was sent"),
    ):
        environment.install(wheel)
        assert "No broken requirements" in environment.pip("check")
        script = (sys.executable, RELEASE / "installed.py", *words, environment.bin)
        assert said in environment.run(*script)


def test_another_version_of_the_other_is_refused(environment, wheels, tmp_path):
    newer = of_version(wheels.kit, "999", tmp_path / "newer")
    said = environment.install(newer, wheels.rest, status=1)
    assert "logsrv-kit" in said
    assert "unsatisfiable" in said
    assert environment.files() == set()
    # The other way round: pip puts it in at a user's word, and says what does not fit any more.
    environment.install("--no-deps", wheels.kit, wheels.rest)
    said = environment.pip("install", "--no-deps", "--quiet", newer)
    told = environment.pip("check", status=1)
    assert "logsrv 999" not in told
    assert "has requirement logsrv-kit==" in told
    assert "but you have logsrv-kit 999" in told


def test_the_whole_tree_counts_as_the_kit(environment, archives, wheels):
    """A checkout or its wheel: what needs logsrv-kit is content with it, and installs nothing over it."""
    environment.install(archives.wheel)
    assert environment.files() == files_of(wheels.kit) | files_of(wheels.rest)
    assert "No broken requirements" in environment.pip("check")
    said = environment.pip("install", "--no-index", "logsrv-kit")
    assert "Requirement already satisfied: logsrv-kit" in said
    environment.pip("uninstall", "--yes", "logsrv")
    assert environment.files() == set()
    assert not [*environment.packages.glob("logsrv*")]


@pytest.mark.parametrize("tool", ["uv", "pip", "pip, repaired"])
def test_from_the_whole_wheel_to_the_pair(tool, environment, archives, wheels, tmp_path):
    """uv takes one command. pip removes the old one last, with the kit's files: so first it is removed."""
    environment.install("--no-deps", archives.wheel)
    kit, rest = (of_version(each, "999", tmp_path / "newer") for each in (wheels.kit, wheels.rest))
    if tool == "uv":
        environment.install("--no-deps", kit, rest)
    elif tool == "pip, repaired":
        environment.pip("install", "--no-deps", kit, rest)
        environment.pip("install", "--no-deps", "--force-reinstall", kit)
    else:
        environment.pip("uninstall", "--yes", "logsrv", "logsrv-kit")
        environment.pip("install", "--no-deps", kit, rest)
    assert environment.files() == files_of(kit) | files_of(rest)
    assert (environment.bin / "logsrv").exists()


def test_the_source_distribution_of_the_kit_gives_the_same_wheel(wheels, tmp_path):
    with tarfile.open(wheels.kit_source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert not [name for name in names if name.startswith("logsrv/linelog")]
    out = tmp_path / "out"
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out)
    subprocess.run([*pip, wheels.kit_source], check=True, timeout=SLOW)
    [built] = out.iterdir()
    assert built.name == wheels.kit.name
    assert files_of(built) == files_of(wheels.kit)
