"""Source distribution and wheel of a tree, with the same bytes wherever and whenever they are built.

    python archives.py TREE EPOCH OUT

TREE is a temporary copy: building leaves files in it. EPOCH is the time of every file in the archives, in
seconds since 1970. This Python needs `build` and `setuptools`, in the versions of requirements.txt. The
wheel is made from the source distribution, not from the tree: so a missing file shows. Another zlib may
compress to other bytes: compare only archives made by Pythons of the same system.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def archives(tree: Path, epoch: int, out: Path) -> tuple[Path, Path]:
    """Build both into the directory `out`; return the paths of source distribution and wheel.

    Raises subprocess.CalledProcessError, with setuptools' output as `output`.
    """
    out.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    usual_modes(tree)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        build("--sdist", tree, epoch, place / "sdist")
        [made] = (place / "sdist").glob("*.tar.gz")
        source = out / made.name
        source.write_bytes(repacked(made, (tree / "setup.cfg").read_bytes(), epoch))
        # Not by tarfile: Python 3.11.2 lacks its filters, and later Pythons warn without them.
        subprocess.run(["tar", "-xzf", source, "-C", place], check=True)
        build("--wheel", place / source.name.removesuffix(".tar.gz"), epoch, place / "wheel")
        [made] = (place / "wheel").glob("*.whl")
        wheel = out / made.name
        wheel.write_bytes(made.read_bytes())
    return source, wheel


def usual_modes(tree: Path) -> None:
    """Set the modes of a checkout under umask 022: git itself records only the executable bit."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def build(kind: str, tree: Path, epoch: int, out: Path) -> None:
    """Have setuptools build one archive; wheels take their times from SOURCE_DATE_EPOCH."""
    # Isolation would fetch today's newest setuptools.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(out), str(tree)],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )


def repacked(archive: Path, setup: bytes, epoch: int) -> bytes:
    """Return a source distribution with fixed times, owners and order, instead of those of the disk.

    setup: our setup.cfg. setuptools replaces it by one without comments, which tests cannot read.
    """
    with tempfile.TemporaryFile() as file:
        with (
            tarfile.open(archive) as old,
            gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in sorted(old.getmembers(), key=lambda member: member.name):
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mtime = epoch
                member.pax_headers = {}
                data = old.extractfile(member) if member.isreg() else None
                if member.name.count("/") == 1 and member.name.endswith("/setup.cfg"):
                    member.size, data = len(setup), io.BytesIO(setup)
                new.addfile(member, data)
        file.seek(0)
        return file.read()


if __name__ == "__main__":
    try:
        print(*archives(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])), sep="\n")
    except subprocess.CalledProcessError as error:
        sys.exit(f"archives: {' '.join(error.cmd)} failed:\n{error.output}")
