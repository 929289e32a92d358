"""Builds the image of packaging/Containerfile from the last commit: `make container`.

    python container.py [--base IMAGE] [--extras senders,archive] [OPTION OF THE BUILDER …]

The builder is podman, buildah or docker, whichever is found first. The image is logsrv:VERSION, and logsrv.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import locks

ROOT = Path(__file__).parent.parent
CONTEXT = ROOT / "build" / "container"
# Only docker's image format has HEALTHCHECK; docker itself writes no other format.
BUILDERS = {
    "podman": ["build", "--format", "docker"],
    "buildah": ["build", "--format", "docker"],
    "docker": ["build"],
}


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
    try:
        requirements = locks.for_extras(filter(None, given.extras.split(",")))
    except ValueError as error:
        raise SystemExit(f"container: {error}") from None
    shutil.rmtree(CONTEXT, ignore_errors=True)
    release = ROOT / "packaging/release/release.py"
    subprocess.run([sys.executable, release, "--archives", CONTEXT], check=True)
    [wheel] = CONTEXT.glob("*.whl")
    version = wheel.name.split("-", 2)[1]
    (CONTEXT / "requirements.txt").write_text(requirements)
    shutil.copy(locks.LOCKS / "sbom.txt", CONTEXT / "tools.txt")
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
