"""A package, a bare Debian 12, and one with the package installed: each made once."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.debian import debs, roots
from tests.debian.machine import Machine, booted
from tests.debian.roots import Root
from tests.parts.programs import missing, program

NEWER = "99.0"


@dataclass(frozen=True)
class Made:
    """The package, a bare root without it, and what `make deb` printed."""

    deb: Path
    bare: Path
    printed: str


@dataclass(frozen=True)
class Installed:
    """The roots that an overlay comes above, and what apt printed."""

    below: tuple[Path, ...]
    printed: str


def _finish(process: subprocess.Popen[str], what: str) -> str:
    printed = process.communicate()[0]
    assert process.returncode == 0, f"{what}:\n{printed}"
    return printed


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Both at the same time: one waits for the archive, the other for the index of Python."""
    if os.geteuid() != 0:
        missing("only root can install a package")
    program("mmdebstrap", "mmdebstrap")
    program("dh", "debhelper")
    program("dpkg-buildpackage", "dpkg-dev")
    place = tmp_path_factory.mktemp("debian")
    place.chmod(0o755)
    place.parent.chmod(0o755)
    (place / "deb").mkdir()
    (place / "deb/logsrv_0.1.0_amd64.deb").touch()
    building = debs.build(place / "deb")
    making = roots.bootstrap(place / "bare")
    printed = _finish(building, "make deb")
    _finish(making, "mmdebstrap")
    # The one that was there is out of the way of `apt install ./dist/logsrv_*.deb`.
    (deb,) = (place / "deb").glob("logsrv_*.deb")
    yield Made(deb, place / "bare", printed)
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def made_13(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The same of Debian 13: its package can only be built there, as it is of one Python."""
    if os.geteuid() != 0:
        missing("only root can install a package")
    program("mmdebstrap", "mmdebstrap")
    place = tmp_path_factory.mktemp("debian13")
    place.chmod(0o755)
    place.parent.chmod(0o755)
    (place / "deb").mkdir()
    making = roots.bootstrap(place / "bare", "trixie")
    _finish(roots.bootstrap(place / "builder", "trixie", *debs.WANTED), "mmdebstrap")
    _finish(making, "mmdebstrap")
    with roots.above(place / "building", place / "deb", place / "builder") as builder:
        printed = debs.build_in(builder, "/srv")
    (deb,) = (place / "deb").glob("logsrv_*.deb")
    yield Made(deb, place / "bare", printed)
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def installed(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """`apt install ./logsrv.deb` on a bare Debian, with what it depends on from the archive."""
    folder = tmp_path_factory.mktemp("installed")
    with roots.above(folder, made.deb.parent, made.bare) as root:
        printed = root.run("apt-get", "install", "--yes", "--quiet", f"/srv/{made.deb.name}")
    yield Installed((root.changes, made.bare), printed)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def newer(made: Made, installed: Installed) -> Path:
    """The same as a version to come, with another default configuration."""
    text = (debs.CHECKOUT / "packaging/debian/logsrv.toml").read_text()
    return debs.as_version(made.deb, NEWER, text.replace('"4GiB"', '"5GiB"'))


@pytest.fixture
def root(made: Made, installed: Installed, tmp_path: Path) -> Iterator[Root]:
    """One with the package, and with all packages of these tests in /srv."""
    with roots.above(tmp_path / "overlay", made.deb.parent, *installed.below) as root:
        yield root


@pytest.fixture
def machine(root: Root, tmp_path: Path) -> Iterator[Machine]:
    """A booted Debian that has what logsrv depends on, but not logsrv."""
    program("systemd-nspawn", "systemd-container")
    root.run("dpkg", "--purge", "logsrv")
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(booted(root, tmp_path / "console"))
        except RuntimeError as error:
            # Not every CI lets a container have one of its own; the other tests go without.
            pytest.skip(f"systemd does not boot in a container here: {error}")
        yield machine
