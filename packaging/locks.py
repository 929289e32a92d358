"""Writes the locks of packaging/locks: `make locks`. Each line has a version, with the sums of its files.

    python locks.py [NAME …]

With names of libraries, only these are raised, in the locks of logsrv; all others keep their versions:
`make locks ONLY=cryptography`, for a library with a fault.

`base.txt` has what logsrv needs; `EXTRA.txt` has what an extra adds to that. Together they are the argument
of `pip install --require-hashes`. One lock is for every Python and system: its lines have markers.

The other locks are of tools: `pip.txt` of pip itself, `archives.txt` of what builds wheels, `sbom.txt` of
what lists the parts of an environment, `package.txt` of what the Debian package is built with,
`release.txt` of what `make release` uses. Needs uv, and the index.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
LOCKS = HERE / "locks"
OLDEST = "3.11"
_NOT_INSTALLED_BY_USERS = ("test", "dev", "fuzz")
# Tools have their versions in these files, where a person raises them.
TOOLS = {
    "pip": ("locks/pip.in",),
    "archives": ("release/archives.txt",),
    "sbom": ("locks/sbom.in",),
    "package": ("locks/sbom.in", "release/archives.txt", "manuals/requirements.txt"),
    "release": ("release/requirements.txt",),
}
_HEAD = """# {what}: versions and sums, written by `make locks`.
#   pip install --require-hashes -r {name}.txt
"""


def extras(setup: str) -> list[str]:
    """Return the extras that people install, from the text of setup.cfg."""
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(setup)
    return [
        each for each in config["options.extras_require"] if each not in _NOT_INSTALLED_BY_USERS
    ]


def locked(text: str) -> dict[str, str]:
    """Return the lines of a lock by their first line, such as `numpy==2.5.5 ; python_version >= "3.12"`."""
    found = re.findall(r"(?m)^([A-Za-z0-9].*?) \\\n((?:    --hash=.*\n?)+)", text)
    return {first: f"{first} \\\n{sums.rstrip()}\n" for first, sums in found}


def for_extras(extras: Iterable[str]) -> str:
    """Return the text of one lock for logsrv with these extras; ValueError for an unknown extra."""
    lines: dict[str, str] = {}
    for name in ("base", *extras):
        file = LOCKS / f"{name}.txt"
        if name in TOOLS or not file.exists():
            raise ValueError(f"logsrv has no extra {name}")
        lines |= locked(file.read_text())
    return "".join(lines[first] for first in sorted(lines))


def resolve(
    uv: str, *files: Path, constraints: Sequence[Path] = (), extras: Iterable[str] = ()
) -> str:
    """Return what uv resolves these requirements to."""
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--default-index"]
    command += ["https://pypi.org/simple", *(word for each in extras for word in ("--extra", each))]
    command += [word for file in constraints for word in ("--constraint", str(file))]
    return subprocess.run(
        [*command, *files], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def write(name: str, what: str, lines: dict[str, str]) -> None:
    text = _HEAD.format(what=what, name=name) + "".join(lines.values())
    (LOCKS / f"{name}.txt").write_text(text)
    print(f"locks: {name}.txt has {len(lines)} lines")


def kept_versions(names: Collection[str], extras: Iterable[str]) -> str:
    """Return the lines of today's locks without these libraries. SystemExit if no lock has one of them."""
    lines = [
        first for each in ("base", *extras) for first in locked((LOCKS / f"{each}.txt").read_text())
    ]
    for name in names:
        if not any(first.startswith(f"{name}==") for first in lines):
            raise SystemExit(f"locks: no lock of logsrv has {name}")
    return "".join(f"{first}\n" for first in lines if first.partition("==")[0] not in names)


def main(raised: Sequence[str]) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        raise SystemExit("locks: there is no uv: pip install uv")
    setup = ROOT / "setup.cfg"
    named = extras(setup.read_text())
    with tempfile.TemporaryDirectory() as folder:
        kept, everything = Path(folder) / "kept.txt", Path(folder) / "all.txt"
        kept.write_text(kept_versions(raised, named) if raised else "")
        everything.write_text(resolve(uv, setup, constraints=[kept], extras=named))
        base = locked(resolve(uv, setup, constraints=[everything]))
        write("base", "logsrv without extras", base)
        for extra in named:
            with_it = locked(resolve(uv, setup, constraints=[everything], extras=[extra]))
            added = {first: text for first, text in with_it.items() if first not in base}
            write(extra, f"what the extra {extra} adds to base.txt", added)
    for name, files in () if raised else TOOLS.items():
        lines = locked(resolve(uv, *(HERE / file for file in files)))
        write(name, f"tools of {', '.join(files)}", lines)


if __name__ == "__main__":
    main(sys.argv[1:])
