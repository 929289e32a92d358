"""Builds the image of packaging/Containerfile from the last commit: `make container`.

    python container.py [--base IMAGE] [--extras senders,archive] [OPTION OF THE BUILDER …]

The builder is podman, buildah or docker, whichever is found first. The image is logsrv:VERSION, and logsrv.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTEXT = ROOT / "build" / "container"
# Only docker's image format has HEALTHCHECK; docker itself writes no other format.
BUILDERS = {
    "podman": ["build", "--format", "docker"],
    "buildah": ["build", "--format", "docker"],
    "docker": ["build"],
}


def requirements(metadata: str, extras: set[str]) -> Iterator[str]:
    """Yield the lines of a requirements.txt from a wheel's METADATA; ValueError for an unknown extra."""
    headers = Parser().parsestr(metadata)
    if unknown := extras - set(headers.get_all("Provides-Extra", [])):
        raise ValueError(f"logsrv has no extra {', '.join(sorted(unknown))}")
    for line in headers.get_all("Requires-Dist", []):
        requirement, _, marker = line.partition(";")
        extra = re.search(r'extra == "([^"]+)"', marker)
        if extra is None or extra[1] in extras:
            yield requirement.strip()


def builder() -> list[str]:
    for name, words in BUILDERS.items():
        if found := shutil.which(name):
            return [found, *words]
    raise SystemExit("container: there is no podman, buildah or docker")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build an image of the last commit.")
    parser.add_argument("--base", help="an image with Python 3.11 or newer, and its venv")
    parser.add_argument(
        "--extras", default="columns,senders", help="of setup.cfg (default: columns,senders)"
    )
    given, options = parser.parse_known_args()
    command = builder()
    shutil.rmtree(CONTEXT, ignore_errors=True)
    release = ROOT / "packaging/release/release.py"
    subprocess.run([sys.executable, release, "--archives", CONTEXT], check=True)
    [wheel] = CONTEXT.glob("*.whl")
    name, version, _ = wheel.name.split("-", 2)
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{name}-{version}.dist-info/METADATA").decode()
    try:
        lines = list(requirements(metadata, set(filter(None, given.extras.split(",")))))
    except ValueError as error:
        raise SystemExit(f"container: {error}") from None
    (CONTEXT / "requirements.txt").write_text("\n".join(lines) + "\n")
    if given.base:
        options += ["--build-arg", f"BASE={given.base}"]
    tags = [word for tag in (version, "latest") for word in ("--tag", f"logsrv:{tag}")]
    file = ("--file", str(ROOT / "packaging/Containerfile"))
    done = subprocess.run([*command, *tags, *file, *options, str(ROOT)])
    if done.returncode:
        raise SystemExit(f"container: {command[0]} could not build it")
    print(f"container: logsrv:{version} is built")


if __name__ == "__main__":
    main()
