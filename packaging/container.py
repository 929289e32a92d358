"""Builds the image of packaging/Containerfile from the last commit: `make container`.

    python container.py [--base IMAGE] [--extras senders,archive] [--save FILE] [OPTION OF THE BUILDER …]

The builder is podman, buildah or docker, whichever is found first. The image is logsrv:VERSION, and logsrv.
`--base debian` makes the base of Debian's packages, by packaging/base.sh, where no registry of images can
be reached. FILE of --save has the same bytes for the same commit on the same base.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import images
import locks

ROOT = Path(__file__).parent.parent
CONTEXT = ROOT / "build" / "container"
# Only docker's image format has HEALTHCHECK; docker itself writes no other format.
BUILDERS = {
    "podman": ["build", "--format", "docker"],
    "buildah": ["build", "--format", "docker"],
    "docker": ["build"],
}
# What pip is told by its environment counts in the build, too.
_OF_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
_TRUSTED = "/run/trusted.crt"
# podman's own words are of cgroups and mounts, and name no way out.
_INSIDE = (
    "If that is about cgroups, namespaces or mounts, as inside of another container:"
    " BUILDAH_ISOLATION=chroot before the command builds it without them (podman, buildah)"
)
OF_DEBIAN = "logsrv-base:debian"


def builder() -> str:
    for name in BUILDERS:
        if found := shutil.which(name):
            return found
    raise SystemExit("container: there is no podman, buildah or docker: apt install podman")


def usual_base(containerfile: str) -> str:
    """Return the base that packaging/Containerfile names."""
    [base] = [line for line in containerfile.splitlines() if line.startswith("ARG BASE=")]
    return base.removeprefix("ARG BASE=")


def fetch_base(program: str, base: str) -> None:
    """Have the builder fetch the base. Raises SystemExit with what to do without a registry."""
    done = subprocess.run([program, "pull", base], stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(
            f"container: the base {base} cannot be fetched; without a registry of images, --base debian"
            " makes one of Debian's packages (needs mmdebstrap)"
        )


def base_of_debian(program: str) -> str:
    """Make the base of Debian's packages, and give it to the builder; return its name there."""
    tree, image = CONTEXT / "base.tar", CONTEXT / "base-image.tar"
    print("container: making the base of Debian's packages, in some minutes", flush=True)
    done = subprocess.run(["sh", ROOT / "packaging/base.sh", tree])
    if done.returncode:
        raise SystemExit("container: packaging/base.sh failed; the reason is above")
    images.write_image(tree, OF_DEBIAN, image)
    loading: dict[str, list[str | Path]] = {
        "podman": ["load", "--quiet", "--input", image],
        "buildah": ["pull", "--quiet", f"docker-archive:{image}"],
        "docker": ["load", "--quiet", "--input", image],
    }
    done = subprocess.run([program, *loading[Path(program).name]], stdout=subprocess.DEVNULL)
    tree.unlink()
    image.unlink()
    if done.returncode:
        raise SystemExit(
            f"container: {Path(program).name} cannot load the base; the reason is above"
        )
    return "localhost/" * (Path(program).name != "docker") + OF_DEBIAN


def save(program: str, image: str, file: Path) -> None:
    """Write an image to a file, which each of the builders loads."""
    file.unlink(missing_ok=True)
    saving: dict[str, list[str | Path]] = {
        "podman": ["save", "--quiet", "--format", "docker-archive", "--output", file, image],
        "buildah": ["push", "--quiet", image, f"docker-archive:{file}:{image}"],
        "docker": ["save", "--output", file, image],
    }
    done = subprocess.run([program, *saving[Path(program).name]])
    if done.returncode:
        raise SystemExit(f"container: {image} cannot be saved; the reason is above")


def for_pip(program: str) -> list[str]:
    """Return options of the builder by which pip in the build asks and trusts the same as here."""
    options = [
        word
        for name in _OF_PIP
        if name in os.environ
        for word in ("--build-arg", f"{name}={os.environ[name]}")
    ]
    trusted = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    # docker build mounts no file of the machine.
    if trusted and Path(program).name != "docker":
        options += [f"--volume={Path(trusted).resolve()}:{_TRUSTED}:ro"]
        options += ["--build-arg", f"PIP_CERT={_TRUSTED}"]
    return options


def build(program: str, words: Sequence[str | Path]) -> None:
    """Have the builder build. Raises SystemExit with what to do where it can run no container."""
    # A builder's own isolation may hand its umask on, and then the server's user could read nothing.
    done = subprocess.run([program, *words], umask=0o022)
    if done.returncode:
        raise SystemExit(
            f"container: {Path(program).name} could not build it; the reason is above. {_INSIDE}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Build an image of the last commit.")
    parser.add_argument(
        "--base",
        help="an image with Python 3.11 or newer, and its venv; `debian`: made of Debian's packages",
    )
    parser.add_argument(
        "--extras", default="columns,senders", help="of setup.cfg (default: columns,senders)"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the image to FILE, NAME.tar, and its SBOM beside it",
    )
    given, options = parser.parse_known_args()
    program = builder()
    try:
        requirements = locks.for_extras(filter(None, given.extras.split(",")))
    except ValueError as error:
        raise SystemExit(f"container: {error}") from None
    shutil.rmtree(CONTEXT, ignore_errors=True)
    CONTEXT.mkdir(parents=True)
    containerfile = ROOT / "packaging/Containerfile"
    if given.base == "debian":
        base = base_of_debian(program)
    elif given.base:
        base = given.base
    else:
        base = usual_base(containerfile.read_text())
        fetch_base(program, base)
    release = ROOT / "packaging/release/release.py"
    subprocess.run([sys.executable, release, "--archives", CONTEXT], check=True)
    [wheel] = CONTEXT.glob("*.whl")
    version = wheel.name.split("-", 2)[1]
    (CONTEXT / "requirements.txt").write_text(requirements)
    shutil.copy(locks.LOCKS / "sbom.txt", CONTEXT / "tools.txt")
    for name in ("logsrv.pth", "lighten.py"):
        shutil.copy(ROOT / "packaging" / name, CONTEXT)
    for file in CONTEXT.iterdir():
        # COPY keeps modes, and a checkout has those of a umask.
        file.chmod(0o644)
    log = ("git", "log", "-1", "--format=%ct")
    moment = subprocess.check_output(log, cwd=ROOT, text=True).strip()
    for name, value in (
        ("BASE", base),
        ("EXTRAS", given.extras),
        ("SOURCE_DATE_EPOCH", moment),
    ):
        options += ["--build-arg", f"{name}={value}"]
    tags = [word for tag in (version, "latest") for word in ("--tag", f"logsrv:{tag}")]
    words = [*BUILDERS[Path(program).name], *tags, "--file", containerfile]
    build(program, [*words, *for_pip(program), *options, ROOT])
    if given.save:
        given.save.parent.mkdir(parents=True, exist_ok=True)
        save(program, f"logsrv:{version}", CONTEXT / "image.tar")
        images.settle(CONTEXT / "image.tar", given.save, int(moment))
        (CONTEXT / "image.tar").unlink()
        sbom = given.save.with_name(given.save.name.removesuffix(".tar") + ".cdx.json")
        sbom.write_bytes(images.read_file(given.save, "opt/logsrv/sbom.cdx.json"))
    print(f"container: logsrv:{version} is built")


if __name__ == "__main__":
    main()
