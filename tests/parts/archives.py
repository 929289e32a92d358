"""Source distribution and wheel of this checkout, built as `make release` builds them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.once import made_once
from tests.parts.programs import missing

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "packaging" / "release"
LOCK = ROOT / "packaging" / "locks" / "archives.txt"
# Generated folders that git does not keep: those at the top, and those anywhere.
MADE_AT_THE_TOP = {".git", ".venv", "build", "dist", "logs", "logsrv.egg-info", "node_modules"}
MADE = {"__pycache__", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache", "node_modules"}
EPOCH = 1_700_000_000


class Archives(NamedTuple):
    source: Path
    wheel: Path
    # Paths of all files of the tree, from its top.
    kept: list[str]


class Building:
    """Copies of this checkout and the tools that build them, in the folder of a test run."""

    def __init__(self, place: Path) -> None:
        self._tools = made_once(place / "tools", self._install_tools)

    def _install_tools(self, into: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(into))
        self._run(*pip, "-r", str(LOCK), tools=into)

    def once(self, folder: Path) -> Archives:
        """Return the archives in a folder; the first worker of a test run builds them there."""
        note = folder / "archives.json"

        def fill(into: Path) -> None:
            source, wheel, kept = self.build(into)
            note.write_text(json.dumps([str(source), str(wheel), kept]))

        made_once(folder, fill)
        source, wheel, kept = json.loads(note.read_text())
        return Archives(Path(source), Path(wheel), kept)

    def build(self, folder: Path, umask: int = 0o022) -> Archives:
        """Build both archives from a new copy, made under a umask; skip where nothing can be built."""
        tree, out = folder / "tree", folder / "out"
        before = os.umask(umask)
        try:
            shutil.copytree(ROOT, tree, ignore=_made, copy_function=shutil.copyfile)
            for script in (".ci/run",):
                (tree / script).chmod(0o777 & ~umask)
            kept = [str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()]
            command = (
                sys.executable,
                str(RELEASE / "archives.py"),
                str(tree),
                str(EPOCH),
                str(out),
            )
            source, wheel = map(Path, self._run(*command, tools=self._tools).splitlines())
        finally:
            os.umask(before)
        return Archives(source, wheel, kept)

    def _run(self, *command: str, tools: Path) -> str:
        environment = os.environ | {"PYTHONPATH": str(tools)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=5 * PATIENCE
        )
        if done.returncode:
            missing(f"no wheel can be built here: {(done.stdout + done.stderr).strip()[-500:]}")
        return done.stdout


def _made(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that a copy leaves out."""
    place = Path(folder).relative_to(ROOT).as_posix()
    at_the_top = MADE_AT_THE_TOP if place == "." else {"out"} if place == "bench" else set()
    made = {
        name for name in names if name.endswith((".pyc", ".egg-info")) or name == "dropin.cache"
    }
    return made | set(names) & (MADE | at_the_top)
