"""What stands against a release: an unfinished step, a version that is there already, a missing program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from debian import SUITES
from programs import run, say

IMAGE = "image"
DEBIANS = {f"debian-{number}": number for number in SUITES}
_BUILDERS = ("podman", "buildah", "docker")


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
    elif tag_at_origin(root, version) not in ("", head):
        yield f"origin has the tag v{version} at another commit; raise __version__ in logsrv/__init__.py"
    changelog = run("git", "show", "HEAD:docs/changelog.md", cwd=root)
    date, text = section(changelog, version)
    if not text.strip():
        yield f"docs/changelog.md says nothing of {version}"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        yield f'docs/changelog.md has "({date})" in the heading of {version}, where the date belongs'
    kept = [f"tests/golden/{version}/{name}" for name in ("stores.tar.xz", "answers.json")]
    for path in (*kept, f"tests/corpus/promised/{version}.txt"):
        if not run("git", "ls-tree", "--name-only", "HEAD", path, cwd=root):
            yield f"{path} is missing, by which later versions are tested; make golden makes it"


def tag_at_origin(root: Path, version: str) -> str:
    """Return the commit of the tag of a version at origin; "" if there is none, or no answer."""
    if "origin" not in run("git", "remote", cwd=root).split():
        return ""
    # A tag with a message has a second line, with the commit.
    words = ("git", "ls-remote", "--tags", "origin", f"v{version}", f"v{version}^{{}}")
    quiet = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(words, cwd=root, env=quiet, capture_output=True, text=True)
    if done.returncode:
        say(f"origin does not answer, so nobody knows whether it has a tag v{version}")
    return done.stdout.splitlines()[-1].split()[0] if done.returncode == 0 and done.stdout else ""


def missing_programs(skipped: Iterable[str], base: str) -> Iterator[str]:
    """Yield a sentence for each part that this machine cannot make, with what to do."""
    no_root = not shutil.which("mmdebstrap")
    for part in DEBIANS:
        if part not in skipped and no_root:
            yield f"{part} needs mmdebstrap: apt install mmdebstrap; or leave it out: SKIP={part}"
    if IMAGE not in skipped:
        if not any(map(shutil.which, _BUILDERS)):
            yield f"{IMAGE} needs podman, buildah or docker: apt install podman; or SKIP={IMAGE}"
        if base == "debian" and no_root:
            yield f"BASE=debian needs mmdebstrap: apt install mmdebstrap; or SKIP={IMAGE}"


def expect_unpublished(sums: str, out: Path) -> None:
    """Raise SystemExit if `out` has a file of such a name with other bytes: a version is made once."""
    listed = out / "SHA256SUMS"
    before = set(listed.read_text().splitlines()) if listed.exists() else set()
    names = {line.split("  ")[1] for line in before - set(sums.splitlines())}
    for name in sorted(names & {line.split("  ")[1] for line in sums.splitlines()}):
        raise SystemExit(
            f"release: {out}/{name} is there already, with other bytes: if anybody has it, raise"
            f" __version__ in logsrv/__init__.py, otherwise remove {out}"
        )


def expect_clone(root: Path) -> None:
    """Raise SystemExit unless this tree is a git repository itself; git would use one around it."""
    if not (root / ".git").exists():
        raise SystemExit("release: only a clone of git has a commit to build: git clone")
