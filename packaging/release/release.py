"""Makes and tries the files of a release: `make release`.

    python release.py [--rehearsal] [--skip NAMES] [--base IMAGE] [--links URL]
    python release.py --archives DIR
    python release.py --wheels DIR

It makes them from the last commit only, into dist/: source distributions and wheels; the packages of Debian
12 and 13, each in a bare one; the image; manual pages and completions; the locks; an SBOM of each; notes
from the changelog; SHA256SUMS. The same commit gives the same bytes. It installs the archives into an
environment of each Python of this machine, and tries every command there. Its own files are in
build/release; it publishes nothing. A rehearsal goes on if something is against a release, and puts its
files into dist/rehearsal. --skip leaves out `image`, `debian-12` or `debian-13`, which need programs that
not every machine has.

The second form builds the archives of the whole tree into DIR, the third those of logsrv-kit and logsrv;
both try nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import debian
from contents import complaints
from objections import (
    DEBIANS,
    IMAGE,
    expect_clone,
    expect_unpublished,
    missing_programs,
    objections,
    section,
    version_of,
)
from programs import ROOT, run, say
from pythons import pythons
from tarballs import files_below, write_tarball

HERE = Path(__file__).parent
LOCKS = HERE.parent / "locks"
PLACE = ROOT / "build" / "release"
OUT = ROOT / "dist"
PIP = ("-m", "pip", "--disable-pip-version-check")


def tools(lock: str) -> Path:
    """Return the Python of an environment with a lock of tools, which is made anew after changes."""
    file = LOCKS / f"{lock}.txt"
    wanted = file.read_text() + sys.version
    place, mark = PLACE / f"tools-{lock}", PLACE / f"tools-{lock}" / "has"
    if not mark.exists() or mark.read_text() != wanted:
        say(f"installing its tools into build/release/tools-{lock}")
        run(sys.executable, "-m", "venv", "--clear", place)
        pip = (place / "bin/python", *PIP, "install", "--quiet", "--require-hashes")
        if lock == "package":
            # argparse-manpage has no wheel: its source is built with setuptools of a lock, too.
            run(*pip, "--only-binary", ":all:", "-r", LOCKS / "archives.txt")
            run(*pip, "--no-build-isolation", "-r", file)
        else:
            run(*pip, "--only-binary", ":all:", "-r", file)
        mark.write_text(wanted)
    return place / "bin/python"


def export(tree: Path) -> None:
    """Write the files of the last commit into a new folder."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    run("git", "archive", "--output", tree.with_suffix(".tar"), "HEAD")
    run("tar", "-xf", tree.with_suffix(".tar"), "-C", tree)


def archives(out: Path) -> tuple[Path, Path]:
    """Build source distribution and wheel of the last commit into a folder."""
    tree = PLACE / "tree" / out.name
    export(tree)
    made = run(tools("archives"), HERE / "archives.py", tree, time_of_commit(), out)
    source, wheel = made.splitlines()
    return Path(source), Path(wheel)


def pair(source: Path, wheel: Path, out: Path) -> list[Path]:
    """Make the archives of logsrv-kit and logsrv of those of the whole tree, into a folder.

    Returns the source distribution and the wheel of the kit, and the wheel of the rest.
    """
    made = run(sys.executable, HERE.parent / "wheels/pair.py", source, wheel, out)
    return [Path(line) for line in made.splitlines()]


def made_twice() -> tuple[Path, Path]:
    """Build source distribution and wheel twice; return one pair. Raises SystemExit if the bytes differ."""
    for folder in (PLACE / "again", PLACE / "archives"):
        shutil.rmtree(folder, ignore_errors=True)
    again, made = archives(PLACE / "again"), archives(PLACE / "archives")
    for one, other in zip(again, made, strict=True):
        if sum_of(one) != sum_of(other):
            raise SystemExit(f"release: built twice, {one} and {other} differ")
    return made


def time_of_commit() -> str:
    return run("git", "log", "-1", "--format=%ct").strip()


def sum_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def try_on(
    python: Path, place: Path, tool: Path, source: Path, wheel: Path, parts: list[Path]
) -> Path:
    """Install each archive into a new environment of this Python, and try it; return its Python.

    source, wheel: of the whole tree. parts: of the two distributions.
    At the end the wheels are installed as if from an index: else the SBOM would contain their paths.
    """
    shutil.rmtree(place, ignore_errors=True)
    run(python, "-m", "venv", "--without-pip", place)
    pip = (tool, *PIP, "--python", place / "bin/python")
    known = ("--no-index", "--no-deps", "--find-links", parts[0].parent)
    kit_source, *wheels = parts
    # The kit alone is first: the others bring what it must do without.
    for archives in ([kit_source], wheels[:1], [source], [wheel], wheels):
        run(*pip, "install", "--quiet", *archives)
        run(*pip, "check")
        alone = (
            ["--kit"] if archives[0].name.startswith("logsrv_kit") and archives != wheels else []
        )
        run(sys.executable, HERE / "installed.py", *alone, place / "bin")
        run(*pip, "uninstall", "--quiet", "--yes", "logsrv", "logsrv-kit")
        left = [*place.glob("lib/*/site-packages/*/plugins/*logsrv*"), *place.glob("bin/*logsrv*")]
        if left:
            raise SystemExit(f"release: pip uninstall leaves {left[0]}")
    run(*pip, "install", "--quiet", *known, "--only-binary", ":all:", "logsrv", "logsrv-kit")
    return place / "bin/python"


def release(rehearsal: bool, links: str, skipped: list[str], base: str) -> None:
    version = version_of(run("git", "show", "HEAD:logsrv/__init__.py"))
    against = list(objections(ROOT, version))
    for each in against:
        say(f"rehearsal of {version}: {each}" if rehearsal else each)
    if against and not rehearsal:
        raise SystemExit("release: nothing was made (make release REHEARSAL=1 goes on here)")
    lacking = list(missing_programs(skipped, base))
    if lacking:
        raise SystemExit("\n".join(f"release: {each}" for each in lacking))
    tool = tools("release")
    say(f"building {version} from the last commit, twice")
    source, wheel = made_twice()
    kept = run("git", "ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")[:-1]
    wrong = list(complaints(kept, source, wheel))
    if wrong:
        raise SystemExit("\n".join(f"release: {each}" for each in wrong))
    parts = pair(source, wheel, PLACE / "pair")
    say("twine check")
    run(tool, "-m", "twine", "check", "--strict", source, *parts)
    # First, as its base may be out of reach.
    made = [] if IMAGE in skipped else image(version, base)
    for name, python in pythons():
        say(f"trying wheels and source distributions on Python {name}")
        environment = try_on(python, PLACE / f"python-{name}", tool, source, wheel, parts)
    say(f"SBOM: what pip installs with it on Python {name}")
    sbom = PLACE / f"logsrv-{version}.cdx.json"
    cyclonedx = (tool, "-m", "cyclonedx_py", "environment", "--output-reproducible")
    run(*cyclonedx, "--output-file", sbom, environment, SOURCE_DATE_EPOCH=time_of_commit())
    made += [sbom, *(sbom_of_extra(tool, extra, version) for extra in extras())]
    made += [manuals(environment, version), locks(version)]
    # The packages of a release have its number; those of any other commit have the commit.
    tag = "" if against else f"v{version}"
    for part, number in DEBIANS.items():
        if part not in skipped:
            made += packages(number, tag)
    notes = PLACE / f"logsrv-{version}.md"
    text = section(run("git", "show", "HEAD:docs/changelog.md"), version)[1]
    notes.write_text(re.sub(r"\]\((?=[\w./-]+\.md)", f"]({links}", text))
    publish(OUT / "rehearsal" if rehearsal else OUT, source, *parts, *made, notes)
    for each in skipped:
        say(f"without {each}, as SKIP says: this machine has not made or tried it")


def image(version: str, base: str) -> list[Path]:
    """Build the image; return it as a file, and its SBOM."""
    say("building the image")
    file = PLACE / f"logsrv-{version}-image.tar"
    words = ("--save", file, *(("--base", base) if base else ()))
    done = subprocess.run(
        [sys.executable, HERE.parent / "container.py", *words], stdout=subprocess.PIPE
    )
    if done.returncode:
        without = "" if base == "debian" else "BASE=debian builds it without a registry of images; "
        raise SystemExit(
            "release: the image was not built; the reason is above."
            f" {without}SKIP={IMAGE} leaves it out"
        )
    return [file, PLACE / f"logsrv-{version}-image.cdx.json"]


def packages(number: str, tag: str) -> list[Path]:
    """Build the packages of a Debian in a bare one; return them and their SBOMs."""
    say(f"building the packages of Debian {number} in a bare one")
    folder = PLACE / f"debian-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return debian.build(ROOT, number, tag, folder)
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"release: the packages of Debian {number} were not built:\n{error.output}\n"
            f"release: SKIP=debian-{number} leaves them out"
        ) from None


def manuals(python: Path, version: str) -> Path:
    """Write manual pages and completions, from an environment with logsrv, into a tar file."""
    say("manual pages and completions of shells")
    folder = PLACE / "manuals"
    shutil.rmtree(folder, ignore_errors=True)
    [modules] = tools("package").parent.parent.glob("lib/python3*/site-packages")
    words = (python, HERE.parent / "manuals/generate.py", folder)
    # Without the time, pages would have the day of the build.
    run(*words, PYTHONPATH=str(modules), COLUMNS="100", SOURCE_DATE_EPOCH=time_of_commit())
    file = PLACE / f"logsrv-{version}-manuals.tar.gz"
    return write_tarball(file, files_below(folder), int(time_of_commit()))


def locks(version: str) -> Path:
    """Write the locks of the last commit, versions and sums of all that is installed, into a tar file."""
    names = [f"{name}.txt" for name in ("base", "pip", *extras())]
    files = {name: run("git", "show", f"HEAD:packaging/locks/{name}").encode() for name in names}
    return write_tarball(PLACE / f"logsrv-{version}-locks.tar.gz", files, int(time_of_commit()))


def extras() -> list[str]:
    """Return the extras that have a lock."""
    tools = {"base", "pip", "archives", "sbom", "package", "release"}
    return sorted({file.stem for file in LOCKS.glob("*.txt")} - tools)


def sbom_of_extra(tool: Path, extra: str, version: str) -> Path:
    """Write the SBOM of logsrv with an extra, from the locks; return its path."""
    lock = PLACE / f"{extra}.txt"
    lock.write_text("".join((LOCKS / f"{name}.txt").read_text() for name in ("base", extra)))
    # Of what it is the list: the locks do not name logsrv.
    root = PLACE / f"{extra}.toml"
    root.write_text(f'[project]\nname = "logsrv"\nversion = "{version}"\nlicense = "MIT"\n')
    sbom = PLACE / f"logsrv-{version}-{extra}.cdx.json"
    words = (tool, "-m", "cyclonedx_py", "requirements", "--output-reproducible")
    files = ("--pyproject", root, "--output-file", sbom, lock)
    run(*words, *files, SOURCE_DATE_EPOCH=time_of_commit())
    return sbom


def publish(out: Path, *files: Path) -> None:
    """Put these files and their sums into a folder, and remove those of before."""
    sums = "".join(f"{sum_of(file)}  {file.name}\n" for file in files)
    if out == OUT:
        expect_unpublished(sums, out)
    out.mkdir(parents=True, exist_ok=True)
    for ending in (".tar.gz", "-image.tar", ".whl", ".cdx.json", ".md"):
        for old in out.glob(f"logsrv[-_]*{ending}"):
            old.unlink()
    # As packaging/deb.sh does, for going back.
    for old in out.glob("logsrv[-_]*.deb"):
        (out / "before").mkdir(exist_ok=True)
        old.replace(out / "before" / old.name)
    for file in files:
        shutil.copyfile(file, out / file.name)
    (out / "SHA256SUMS").write_text(sums)
    print(sums, end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make and try what a release consists of.")
    parser.add_argument(
        "--rehearsal", action="store_true", help="say what is against it, and go on"
    )
    parser.add_argument("--links", default="", help="where the links of the notes lead, with its /")
    parser.add_argument(
        "--archives", type=Path, metavar="DIR", help="build these two into DIR only"
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="build logsrv-kit and logsrv into DIR only"
    )
    parser.add_argument(
        "--skip",
        default="",
        metavar="NAMES",
        help=f"leave out, with spaces between them: {', '.join((IMAGE, *DEBIANS))}",
    )
    parser.add_argument(
        "--base",
        default="",
        help="of the image; `debian`: of Debian's packages, without a registry",
    )
    given = parser.parse_args()
    skipped = given.skip.split()
    for each in skipped:
        if each not in (IMAGE, *DEBIANS):
            parser.error(f"--skip {each}: it is one of {', '.join((IMAGE, *DEBIANS))}")
    # The same bytes for whoever makes them.
    os.umask(0o022)
    os.environ |= {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    expect_clone(ROOT)
    if given.archives:
        print(*archives(given.archives.absolute()), sep="\n")
        sys.exit()
    if given.wheels:
        source, wheel = archives(PLACE / "wheels")
        made = pair(source, wheel, given.wheels.absolute())
        print(*made, shutil.copy(source, given.wheels), sep="\n")
        sys.exit()
    release(given.rehearsal, given.links, skipped, given.base)
    say(f"all files are in {'dist/rehearsal' if given.rehearsal else 'dist'}/")
