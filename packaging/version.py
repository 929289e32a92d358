"""Prints the version of a package of this checkout, in Python's and in Debian's form: version.py PATH …

    0.2.0.dev20261122184500+g4a640fe4    a commit of that moment, in UTC, before there is a tag v0.2.0
    0.2.0                                the commit of the tag
    0.2.0.post20261201080000+g81f2cc05   a later one, with __version__ as before

Debian's form has `~~dev` for `.dev`. Each is less than the next, for pip and for dpkg. They have the time
of the commit, because a shallow clone cannot count its commits. Uncommitted changes below a PATH, which
would get into the package, add the time of the build: the version is more than the commit's and less than
the next commit's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
_MOMENT = "%Y%m%d%H%M%S"


def git(root: Path, *words: str) -> str:
    """Return git's output. Raises SystemExit if it fails; git itself has printed the reason."""
    done = subprocess.run(["git", *words], cwd=root, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(1)
    return done.stdout.strip()


def version(root: Path, paths: Sequence[str], now: float) -> str:
    """Return the version, in Python's form, of a package with these paths of the checkout `root`.

    Raises SystemExit with a sentence if `root` is not a git clone.
    """
    if not (root / ".git").exists():
        raise SystemExit("make deb: only a clone of git tells the version of a package: git clone")
    text = (root / "logsrv/__init__.py").read_text()
    [number] = re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    changed = git(root, "status", "--porcelain", "--", *paths)
    # A tag of a candidate counts, too: a commit after 0.2.0rc1 is more than 0.2.0rc1.
    tags = ("--tags", f"--match=v{number}", f"--match=v{number}[abr]*")
    # A fixed length: git's default for short hashes depends on the clone.
    named = git(root, "describe", "--always", "--long", "--abbrev=8", *tags)
    tag, count, commit = named.rsplit("-", 2) if "-" in named else ("", "", f"g{named}")
    if count == "0" and not changed:
        return tag.removeprefix("v")
    moment = time.strftime(_MOMENT, time.gmtime(int(git(root, "log", "-1", "--format=%ct"))))
    base = f"{tag.removeprefix('v')}.post{moment}" if tag else f"{number}.dev{moment}"
    time_of_build = time.strftime(f".d{_MOMENT}", time.gmtime(now)) if changed else ""
    return f"{base}+{commit}{time_of_build}"


def for_debian(version: str) -> str:
    """Return a version in Debian's form: `~` sorts before the end, so a pre-release has it.

    0.2.0.dev5 comes before 0.2.0a1, as `~~` sorts before `~`.
    """
    return re.sub(r"^([\d.]+)(?=a|b|rc)", r"\1~", version.replace(".dev", "~~dev"))


if __name__ == "__main__":
    made = version(ROOT, sys.argv[1:], time.time())
    print(made, for_debian(made))
