"""Makes the virtual environment of the package.

    python3 environment.py FOLDER EXTRAS SECONDS TOOLS SBOM
    python3 environment.py FOLDER EXTRAS SECONDS TOOLS SBOM --add EXTRA

It is made in FOLDER and used in /opt/logsrv, so no file may contain the path FOLDER. Versions and sums of
all wheels come from packaging/locks, so the same commit gives the same bytes: all files have the time
SECONDS, which is SOURCE_DATE_EPOCH. TOOLS is the Python of an environment with packaging/locks/package.txt.
SBOM gets the list of all that is in the environment, as CycloneDX.

With --add, FOLDER gets only the modules that EXTRA adds to those of EXTRAS: a package of its own puts them
into the same environment.
"""

from __future__ import annotations

import base64
import compileall
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

# deb.sh copies this folder out of packaging/, to the top of the tree that it builds in.
ABOVE = Path(__file__).parent.parent
sys.path += [str(ABOVE), str(ABOVE / "packaging")]
import lighten  # noqa: E402
import locks  # noqa: E402

PLACE = "/opt/logsrv"
# The first line that pip writes into a script, and its form for paths that are too long for one line.
_SHEBANG = re.compile(rb"\A#!(?:/bin/sh\n'''exec' [^\n]*\n' '''|[^\n]*python[0-9.]*)\n")
# Files that no program needs: scripts that activate a venv, headers, and records of where a wheel came
# from.
_LEFT_OUT = (
    "bin/[Aa]ctivate*",
    "lib64",
    "include",
    "share",
    "lib/*/site-packages/*/direct_url.json",
    # Types, which only checkers read. Others' .pyi may be read by their modules.
    "lib/*/site-packages/numpy/**/*.pyi",
)
# Packages with tests, which are a third of all files, and which only their authors run.
_TESTED_ELSEWHERE = ("twisted", "zope")
# Administrators run pip seldom, and as root: it may compile itself then.
_NOT_COMPILED = re.compile(r"/site-packages/pip/")


def make(folder: Path, extras: str, seconds: int, tools: str, sbom: Path) -> None:
    """Make the environment `folder`, for use in PLACE: logsrv of this folder, with `extras`, and pip."""
    venv.create(folder, symlinks=True)
    own = [tools, "-m", "pip", "-q"]
    pip = [*own, "--python", f"{folder}/bin/python"]
    with tempfile.TemporaryDirectory() as place:
        lock = Path(place, "requirements.txt")
        lock.write_text(locks.for_extras(extras.split(",")) + (locks.LOCKS / "pip.txt").read_text())
        install = [*pip, "install", "--no-compile", "--no-deps"]
        with_sums = ["--only-binary", ":all:", "--require-hashes", "-r", str(lock)]
        subprocess.run([*install, *with_sums], check=True)
        # Without isolation: that would fetch today's newest setuptools.
        build = ["wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", place, "."]
        subprocess.run([*own, *build], check=True)
        subprocess.run([*install, "--no-index", *Path(place).glob("*.whl")], check=True)
        subprocess.run([*pip, "check"], check=True)
    frozen = subprocess.check_output([*pip, "freeze", "--all"], text=True)
    for path in list(_left_out(folder)):
        lighten.remove(path)
    lighten.lighten(folder, strips=True)
    describe = [tools, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    subprocess.run([*describe, "--output-file", sbom, f"{folder}/bin/python"], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    shutil.copy("packaging/logsrv.pth", packages)
    for script in (folder / "bin").iterdir():
        if not script.is_symlink():
            text = _SHEBANG.sub(f"#!{PLACE}/bin/python\n".encode(), script.read_bytes())
            script.write_bytes(text)
    write_records(folder)
    _write_settings(folder, frozen)
    _set_modes_and_times(folder, seconds - 60)
    _compile(folder)
    _note_plugins(folder, seconds)


def make_addition(
    folder: Path, extras: str, added: str, seconds: int, tools: str, sbom: Path
) -> None:
    """Install into `folder`, for use in PLACE, what the extra `added` adds to `extras`."""
    there = locks.locked(locks.for_extras(extras.split(",")))
    lines = locks.locked(locks.for_extras([added]))
    packages = folder / "lib/python{}.{}/site-packages".format(*sys.version_info)
    with tempfile.TemporaryDirectory() as place:
        lock = Path(place, "requirements.txt")
        lock.write_text("".join(text for first, text in lines.items() if first not in there))
        install = [tools, "-m", "pip", "-q", "install", "--no-compile", "--no-deps"]
        with_sums = ["--only-binary", ":all:", "--require-hashes", "-r", str(lock)]
        subprocess.run([*install, "--target", packages, *with_sums], check=True)
        describe = [tools, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
        subprocess.run([*describe, "--output-file", sbom, lock], check=True)
    for path in [*packages.glob("bin"), *packages.glob("*/direct_url.json")]:
        lighten.remove(path)
    write_records(folder)
    _set_modes_and_times(folder, seconds - 60)
    _compile(folder)


def _left_out(folder: Path) -> Iterator[Path]:
    for pattern in _LEFT_OUT:
        yield from folder.glob(pattern)
    for package in _TESTED_ELSEWHERE:
        for name in ("test", "tests"):
            yield from folder.glob(f"lib/*/site-packages/{package}/**/{name}")


def write_records(folder: Path) -> None:
    """Correct pip's lists of files (RECORD): without removed files, with new sums of scripts and libraries.

    pip's sums are of scripts with the path FOLDER in the first line, which differs at each build, and of
    libraries before they were stripped.
    """
    for record in folder.glob("lib/*/site-packages/*.dist-info/RECORD"):
        with record.open(newline="") as file:
            rows = [row for row in csv.reader(file) if (record.parent.parent / row[0]).exists()]
        for row in rows:
            if row[0].startswith("../") or ".so" in row[0]:
                data = (record.parent.parent / row[0]).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
                row[1:] = [f"sha256={digest.rstrip('=')}", str(len(data))]
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def _write_settings(folder: Path, frozen: str) -> None:
    config = folder / "pyvenv.cfg"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("command")))
    # With this constraint, an operator's /opt/logsrv/bin/pip cannot change the versions that belong to
    # dpkg.
    versions = [line for line in frozen.splitlines() if "==" in line]
    (folder / "wheels.txt").write_text("\n".join(versions) + "\n")
    # Messages that miss an extra: logsrv/installation.py.
    (folder / "installed-from").write_text("debian\n")
    (folder / "pip.conf").write_text(f"[install]\nconstraint = {PLACE}/wheels.txt\n")


def _set_modes_and_times(folder: Path, seconds: int) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds), follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent == folder / "bin" else 0o644)


def _compile(folder: Path) -> None:
    """Compile all modules: users of the package cannot write the compiled files."""
    compiled = compileall.compile_dir(
        folder / "lib",
        maxlevels=50,
        quiet=1,
        rx=_NOT_COMPILED,
        stripdir=str(folder),
        prependdir=PLACE,
        workers=0,
        invalidation_mode=PycInvalidationMode.TIMESTAMP,
    )
    if not compiled:
        sys.exit("environment.py: a module could not be compiled")


def _note_plugins(folder: Path, seconds: int) -> None:
    """Have Twisted write its cache of plugins, which it uses only if it is newer than the plugins."""
    note = "from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))"
    subprocess.run([folder / "bin/python", "-c", note], check=True)
    for path in folder.rglob("dropin.cache"):
        path.chmod(0o644)
        os.utime(path, (seconds, seconds))


if __name__ == "__main__":
    folder, extras, seconds, tools, sbom, *add = sys.argv[1:]
    if add:
        make_addition(Path(folder), extras, add[1], int(seconds), tools, Path(sbom))
    else:
        make(Path(folder), extras, int(seconds), tools, Path(sbom))
