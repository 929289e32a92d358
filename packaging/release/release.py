"""Makes and tries the files of a release: `make release`.

    python release.py [--rehearsal] [--links URL]
    python release.py --archives DIR
    python release.py --wheels DIR

It makes them from the last commit only, into dist/: source distribution and wheel, with the same bytes for
the same commit; an SBOM of it, and one of each extra; notes from the changelog; SHA256SUMS. It installs
both archives into an environment of each Python of this machine, and tries every command there. Its own
files are in build/release; it publishes nothing. The second form builds the archives of the whole tree into
DIR, the third those of logsrv-kit and logsrv; both try nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from contents import complaints
from pythons import pythons

HERE = Path(__file__).parent
LOCKS = HERE.parent / "locks"
ROOT = HERE.parent.parent
PLACE = ROOT / "build" / "release"
OUT = ROOT / "dist"
PIP = ("-m", "pip", "--disable-pip-version-check")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Return a command's standard output. Raises SystemExit with all its output if its status is not 0."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"release: {words} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(what: str) -> None:
    print(f"release: {what}", flush=True)


def version_of(init: str) -> str:
    """Return the version in the text of `logsrv/__init__.py`."""
    [version] = re.findall(r'^__version__ = "([^"]+)"$', init, re.MULTILINE)
    return str(version)


def section(changelog: str, version: str) -> tuple[str, str]:
    """Return (text in brackets after the version in its heading, its section); ("", "") if
    there is none.
    """
    heading = rf"^## {re.escape(version)}(?: \((.*)\))?\n"
    found = re.search(heading + r"((?:(?!^## ).*\n)*)", changelog, re.MULTILINE)
    return (found[1] or "", found[2].strip() + "\n") if found else ("", "")


def objections(root: Path, version: str) -> Iterator[str]:
    """Yield the reasons why the last commit of a repository must not be released as this version."""
    if run("git", "status", "--porcelain", cwd=root).strip():
        yield "there are changes that are not committed, and would not be in it"
    tagged = run(
        "git", "tag", "--list", f"v{version}", "--format=%(objectname)%(*objectname)", cwd=root
    )
    head = run("git", "rev-parse", "HEAD", cwd=root).strip()
    if tagged.strip() and not tagged.strip().endswith(head):
        yield f"the tag v{version} is at another commit; raise __version__ in logsrv/__init__.py"
    changelog = run("git", "show", "HEAD:docs/changelog.md", cwd=root)
    date, text = section(changelog, version)
    if not text.strip():
        yield f"docs/changelog.md says nothing of {version}"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        yield f'docs/changelog.md has "({date})" in the heading of {version}, where the date belongs'
    for name in ("stores.tar.xz", "answers.json"):
        path = f"tests/golden/{version}/{name}"
        if not run("git", "ls-tree", "--name-only", "HEAD", path, cwd=root):
            yield f"{path} is missing, by which later versions are tested; golden.py makes it"


def expect_clone(root: Path) -> None:
    """Raise SystemExit unless this tree is a git repository itself; git would use one around it."""
    if not (root / ".git").exists():
        raise SystemExit("release: only a clone of git has a commit to build: git clone")


def tools(lock: str) -> Path:
    """Return the Python of an environment with a lock of tools, which is made anew after changes."""
    file = LOCKS / f"{lock}.txt"
    wanted = file.read_text() + sys.version
    place, mark = PLACE / f"tools-{lock}", PLACE / f"tools-{lock}" / "has"
    if not mark.exists() or mark.read_text() != wanted:
        say(f"installing its tools into build/release/tools-{lock}")
        run(sys.executable, "-m", "venv", "--clear", place)
        with_sums = ("--only-binary", ":all:", "--require-hashes", "-r", file)
        run(place / "bin/python", *PIP, "install", "--quiet", *with_sums)
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


def release(rehearsal: bool, links: str) -> None:
    version = version_of(run("git", "show", "HEAD:logsrv/__init__.py"))
    against = list(objections(ROOT, version))
    for each in against:
        say(f"rehearsal of {version}: {each}" if rehearsal else each)
    if against and not rehearsal:
        raise SystemExit("release: nothing was made (make release REHEARSAL=1 goes on here)")
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
    for name, python in pythons():
        say(f"trying wheels and source distributions on Python {name}")
        environment = try_on(python, PLACE / f"python-{name}", tool, source, wheel, parts)
    say(f"SBOM: what pip installs with it on Python {name}")
    sbom = PLACE / f"logsrv-{version}.cdx.json"
    cyclonedx = (tool, "-m", "cyclonedx_py", "environment", "--output-reproducible")
    run(*cyclonedx, "--output-file", sbom, environment, SOURCE_DATE_EPOCH=time_of_commit())
    of_extras = [sbom_of_extra(tool, extra, version) for extra in extras()]
    notes = PLACE / f"logsrv-{version}.md"
    text = section(run("git", "show", "HEAD:docs/changelog.md"), version)[1]
    notes.write_text(re.sub(r"\]\((?=[\w./-]+\.md)", f"]({links}", text))
    publish(source, *parts, sbom, *of_extras, notes)


def extras() -> list[str]:
    """Return the extras that have a lock."""
    tools = {"base", "pip", "archives", "sbom", "package", "release"}
    return sorted({file.stem for file in LOCKS.glob("*.txt")} - tools)


def sbom_of_extra(tool: Path, extra: str, version: str) -> Path:
    """Write the SBOM of logsrv with an extra, from the locks; return its path."""
    lock = PLACE / f"{extra}.txt"
    lock.write_text("".join((LOCKS / f"{name}.txt").read_text() for name in ("base", extra)))
    sbom = PLACE / f"logsrv-{version}-{extra}.cdx.json"
    words = (tool, "-m", "cyclonedx_py", "requirements", "--output-reproducible")
    run(*words, "--output-file", sbom, lock, SOURCE_DATE_EPOCH=time_of_commit())
    return sbom


def publish(*files: Path) -> None:
    """Put these files and their sums into dist/, and remove earlier ones."""
    OUT.mkdir(exist_ok=True)
    for ending in (".tar.gz", ".whl", ".cdx.json", ".md"):
        for old in OUT.glob(f"logsrv[-_]*{ending}"):
            old.unlink()
    sums = "".join(f"{sum_of(file)}  {file.name}\n" for file in files)
    for file in files:
        shutil.copy(file, OUT)
    (OUT / "SHA256SUMS").write_text(sums)
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
    given = parser.parse_args()
    expect_clone(ROOT)
    if given.archives:
        print(*archives(given.archives.absolute()), sep="\n")
        sys.exit()
    if given.wheels:
        source, wheel = archives(PLACE / "wheels")
        made = pair(source, wheel, given.wheels.absolute())
        print(*made, shutil.copy(source, given.wheels), sep="\n")
        sys.exit()
    release(given.rehearsal, given.links)
    say("all files are in dist/")
